// The keyboard of a runtime: what is typed is kept here until it is sent, so that no letter waits for the server.

const RenewEvery = 20_000;

export function open(root, page, hasTerminal) {
  const input = root.querySelector("input");
  const send = async (text, key) => {
    const own = text ?? "";
    if (text !== null) { input.value = ""; }
    const taken = await page.invokeMethodAsync("TypeAsync", own === "" && key !== null ? null : own, key).catch(() => false);
    // What was refused is not lost: it is there again, unless something else is being written.
    if (!taken && own && input.isConnected && input.value === "") input.value = own;
  };
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
  root.addEventListener("click", onClick);
  // What was typed before anybody listens would be lost: until here nothing takes it.
  for (const off of root.querySelectorAll("[disabled]")) off.disabled = false;
  input.focus();
  return { stop: () => { clearInterval(renew); input.removeEventListener("keydown", onKey); root.removeEventListener("click", onClick); } };
}
