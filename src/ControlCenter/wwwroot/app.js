// What the browser does by itself, without a round trip: relative times, keys, dialogs, copying, the theme, coming back after a restart.

const units = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const short = (seconds) => {
  const [name, size] = units.find(([, s]) => seconds >= s) ?? units[3];
  const count = Math.max(0, Math.floor(seconds / size));
  return `${count} ${name === "day" && count !== 1 ? "days" : name}`;
};

const dates = {
  date: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  day: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
  short: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }),
  brief: { format: (at) => (at.toDateString() === new Date().toDateString() ? dates.short : dates.dayShort).format(at) },
  dayShort: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
};

// <cc-time at="…" mode="ago|left|clock|date|day|short|brief">: ticks here, so that no page renders on the server only because time goes by.
class CcTime extends HTMLElement {
  static observedAttributes = ["at", "mode"];
  static all = new Set();
  connectedCallback() { CcTime.all.add(this); this.show(); }
  disconnectedCallback() { CcTime.all.delete(this); }
  attributeChangedCallback() { this.show(); }
  show() {
    const at = new Date(this.getAttribute("at") ?? NaN);
    if (Number.isNaN(at.getTime())) { this.textContent = "never"; this.removeAttribute("title"); return; }
    const seconds = (Date.now() - at) / 1000;
    const mode = this.getAttribute("mode") ?? "ago";
    const text = dates[mode] ? dates[mode].format(at) : mode === "clock" ? at.toLocaleTimeString() : mode === "left" ? (seconds >= 0 ? "over" : `${short(-seconds)} left`) : seconds < 1 ? "now" : `${short(seconds)} ago`;
    if (this.textContent !== text) this.textContent = text;
    this.title = `${at.toLocaleString()}\n${at.toISOString()} UTC`;
  }
}
customElements.define("cc-time", CcTime);
setInterval(() => { if (!document.hidden) CcTime.all.forEach((t) => t.show()); }, 1000);

// <cc-when value="…UTC…" label="…">: a moment in the viewer's own zone, said in UTC beside it. Its value, and what its change event tells, is UTC.
// With "exact" it goes to the second, and its page says it in UTC.
class CcWhen extends HTMLElement {
  static observedAttributes = ["value"];
  connectedCallback() {
    if (this.input) return;
    this.input = Object.assign(document.createElement("input"), { type: "datetime-local", className: "input" });
    this.input.setAttribute("aria-label", this.getAttribute("label") ?? "When");
    this.hint = Object.assign(document.createElement("span"), { className: "hint", hidden: this.hasAttribute("exact") });
    if (this.hasAttribute("exact")) this.input.step = "1";
    this.replaceChildren(this.input, this.hint);
    this.value = this.getAttribute("value") ?? "";
    this.input.addEventListener("change", (e) => { e.stopPropagation(); this.say(); this.dispatchEvent(new Event("change", { bubbles: true })); });
    this.input.addEventListener("input", (e) => { e.stopPropagation(); this.say(); });
  }
  attributeChangedCallback() { if (this.input && this.getAttribute("value") !== this.value) this.value = this.getAttribute("value") ?? ""; }
  get value() { const at = new Date(this.input?.value || NaN); return Number.isNaN(at.getTime()) ? "" : at.toISOString(); }
  set value(text) {
    const at = new Date(text || NaN);
    this.input.value = Number.isNaN(at.getTime()) ? "" : new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, this.hasAttribute("exact") ? 19 : 16);
    this.say();
  }
  say() { this.hint.textContent = this.value ? `${this.value.slice(0, 16).replace("T", " ")} UTC` : ""; }
}
customElements.define("cc-when", CcWhen);

// Keys: a control says which key presses it (data-key="a", data-key="g o"), or that a key brings the focus to it (data-key-focus="/").
let prefix = "";
const find = (attribute, key) => [...document.querySelectorAll(`[${attribute}="${CSS.escape(key)}"]`)].find((e) => !e.disabled && (e.offsetParent !== null || e.dataset.keyAlways !== undefined));
addEventListener("keydown", (e) => {
  const typing = e.target.closest("input, textarea, select, [contenteditable]");
  if (e.ctrlKey || e.metaKey || e.altKey) {
    const send = typing && e.key === "Enter" && (e.ctrlKey || e.metaKey) && e.target.closest("form, dialog, .decide")?.querySelector(".primary, .approve");
    // What was typed last is told to the server when its field is left.
    if (send) { e.target.blur(); send.click(); }
    return;
  }
  if (typing) { if (e.key === "Escape") e.target.blur(); return; }
  if (document.querySelector("dialog[open]")) return;
  if ((e.key === "Enter" || e.key === " ") && e.target.closest("a, button, summary")) return;
  const key = prefix ? `${prefix} ${e.key}` : e.key;
  prefix = "";
  if (key === "g") { prefix = "g"; setTimeout(() => { prefix = ""; }, 1200); return; }
  const focus = find("data-key-focus", key);
  const press = focus ?? find("data-key", key);
  if (!press) return;
  e.preventDefault();
  // A key that is held down walks through a list, and decides nothing.
  if (e.repeat && press.dataset.keyRepeats === undefined) return;
  if (focus) focus.focus(); else press.click();
});

// A page's title, and what is asked next, are given the focus when they have come, which may be when somebody types in them already: they give it
// back, or the letters of a comment would press keys, and decide. Who clicks on it has meant it.
addEventListener("focusin", (e) => {
  if (e.target.matches(":is(h1, .asked):not(:active)") && e.relatedTarget?.matches("input, textarea, select, [contenteditable]")) e.relatedTarget.focus();
});

// What becomes the current one of a list is brought into sight.
new MutationObserver((changes) => {
  for (const { target } of changes) if (target.getAttribute("aria-current") === "true") target.scrollIntoView({ block: "nearest" });
}).observe(document.body, { attributes: true, attributeFilter: ["aria-current"], subtree: true });

// Dialogs: one that the server renders opens as modal; Escape presses its own cancel, so that the server knows.
new MutationObserver(() => {
  for (const dialog of document.querySelectorAll("dialog[data-modal]:not([open])")) {
    dialog.showModal();
    dialog.addEventListener("cancel", (e) => { e.preventDefault(); dialog.querySelector("[data-cancel]")?.click(); });
  }
}).observe(document.body, { childList: true, subtree: true });

addEventListener("click", async (e) => {
  const target = e.target.closest("[data-copy], [data-theme-toggle], [data-opens], [data-closes]");
  if (!target) return;
  if (target.dataset.copy !== undefined) {
    await navigator.clipboard?.writeText(target.dataset.copy);
    const label = target.querySelector("span");
    if (label) { const before = label.textContent; label.textContent = "Copied"; setTimeout(() => { label.textContent = before; }, 1500); }
  } else if (target.dataset.themeToggle !== undefined) {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("cc-theme", root.dataset.theme);
  } else if (target.dataset.opens) document.getElementById(target.dataset.opens).showModal();
  else target.closest("dialog").close();
});

// After a restart the old circuit is gone: as soon as the host answers again, the same address is loaded afresh.
const modal = document.getElementById("components-reconnect-modal");
let waiting = false;
if (modal) new MutationObserver(async () => {
  const gone = ["components-reconnect-failed", "components-reconnect-rejected", "components-reconnect-show"].some((c) => modal.classList.contains(c));
  if (!gone || waiting) return;
  waiting = true;
  const since = Date.now();
  modal.querySelector("cc-time")?.setAttribute("at", new Date(since).toISOString());
  let down = false;
  while (modal.classList.contains("components-reconnect-show") || modal.classList.contains("components-reconnect-failed") || modal.classList.contains("components-reconnect-rejected")) {
    await new Promise((r) => setTimeout(r, 500));
    const ready = await fetch("/health/ready", { cache: "no-store" }).then((r) => r.ok, () => false);
    if (!ready) down = true;
    // The host was away and is back, or it does not know this circuit any more.
    if (ready && (down || modal.classList.contains("components-reconnect-rejected") || Date.now() - since > 5000)) { location.reload(); return; }
  }
  waiting = false;
}).observe(modal, { attributes: true, attributeFilter: ["class"] });

// Tells the page's circuit when nobody looks, so that it rests.
export function watchVisibility(page) {
  const tell = () => page.invokeMethodAsync("VisibleAsync", !document.hidden).catch(() => {});
  document.addEventListener("visibilitychange", tell);
  return { stop: () => document.removeEventListener("visibilitychange", tell) };
}
