// The keyboard of a runtime: what is typed is kept here until it is sent, so that no letter waits for the server.

const RenewEvery = 20_000;

// Not randomUUID, which is there only over https and on the machine itself.
const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

export function open(root, page, hasTerminal) {
  const input = root?.querySelector("input");
  // The keyboard was lost while this was fetched, and its line with it: there is nothing to listen to.
  if (!input) return { stop: () => {} };
  let sending = 0;
  // A line of which nobody knows whether it was typed. Sent again as it is, it goes under the same id, and is typed once.
  let unsure = null;
  const send = async (text, key) => {
    const own = text ?? "";
    const id = unsure?.text === own && unsure.key === key ? unsure.id : newId();
    if (text !== null) { input.value = ""; unsure = null; }
    sending++;
    const taken = await page.invokeMethodAsync("TypeAsync", id, own === "" && key !== null ? null : own, key).catch(() => null);
    sending--;
    // What was refused is not lost: it is there again, unless something else is being written.
    if (!taken && own && input.isConnected && input.value === "") {
      input.value = own;
      if (taken === null) unsure = { id, text: own, key };
    }
  };
  const onInput = () => { unsure = null; };
  const onKey = (e) => {
    const selected = input.selectionStart !== input.selectionEnd || String(getSelection()) !== "";
    const key = e.isComposing || e.metaKey || e.altKey ? undefined
      : e.key === "Enter" && !e.ctrlKey ? "enter"
      : !hasTerminal ? undefined
      : e.ctrlKey && e.key.toLowerCase() === "c" && !selected ? "ctrl_c"
      : e.ctrlKey && e.key.toLowerCase() === "d" && input.value === "" ? "ctrl_d"
      : !e.ctrlKey && e.key === "ArrowUp" ? "up"
      : !e.ctrlKey && e.key === "ArrowDown" ? "down" : undefined;
    if (key === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    // A key that is held down goes as fast as it is taken: nothing pressed after it waits behind it.
    if (e.repeat && sending > 0) return;
    if (key === "enter") send(input.value, null); else send(key === "ctrl_c" ? "" : null, key);
  };
  // What stands in the line goes with Enter and Tab: a completion is of what was begun.
  const onClick = (e) => {
    const key = e.target.closest("[data-send]")?.dataset.send;
    if (!key) return;
    if (key === "enter") send(input.value, null); else send(key === "tab" ? input.value : null, key);
    input.focus();
  };
  const renew = setInterval(() => page.invokeMethodAsync("RenewAsync").catch(() => {}), RenewEvery);
  input.addEventListener("keydown", onKey);
  input.addEventListener("input", onInput);
  root.addEventListener("click", onClick);
  // What was typed before anybody listens would be lost: until here nothing takes it.
  for (const off of root.querySelectorAll("[disabled]")) off.disabled = false;
  input.focus();
  return {
    stop: () => {
      clearInterval(renew);
      input.removeEventListener("keydown", onKey);
      input.removeEventListener("input", onInput);
      root.removeEventListener("click", onClick);
      // The same line may be somebody's again, before anybody listens to it again.
      for (const off of root.querySelectorAll("input, [data-send]")) off.disabled = true;
    },
  };
}
