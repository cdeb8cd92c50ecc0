// A terminal that shows any part of a long transcript: it has the lines around the ones in sight in the page, asks the server for others
// as they are scrolled to, and stands in for the rest by room above and below. Lines may wrap, so that the room is by the mean height.

const Window = 400, Step = 200, RowsBeyond = 60, TallestRoom = 12_000_000;
const Colours = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

// Only colours and bold are shown; every other control sequence is taken out. Text goes in as text: nothing of it is ever markup.
function paint(into, text) {
  const last = text.replace(/\r+$/, "").lastIndexOf("\r");
  text = (last < 0 ? text : text.slice(last + 1)).replace(/\x1b\][^\x07\x1b]*(\x07|\x1b\\|$)/g, "").replace(/\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b[()][A-Z0-9]|\x1b[=>78MDEc]/g, "");
  let colour = "", bold = false;
  for (const part of text.split(/(\x1b\[[0-9;]*m)/)) {
    const sgr = /^\x1b\[([0-9;]*)m$/.exec(part);
    if (sgr) {
      for (const code of (sgr[1] || "0").split(";").map(Number)) {
        if (code === 0) [colour, bold] = ["", false];
        else if (code === 1) bold = true;
        else if (code === 22) bold = false;
        else if (code === 39) colour = "";
        else if (code >= 30 && code <= 37) colour = Colours[code - 30];
        else if (code >= 90 && code <= 97) colour = Colours[code - 90];
      }
      continue;
    }
    const plain = part.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
    if (!plain) continue;
    if (!colour && !bold) { into.append(plain); continue; }
    const span = document.createElement("span");
    span.className = `${colour ? `ansi-${colour}` : ""}${bold ? " ansi-bold" : ""}`.trim();
    span.textContent = plain;
    into.append(span);
  }
}

class Terminal {
  constructor(root, page) {
    [this.root, this.page] = [root, page];
    this.view = root.querySelector(".term-view");
    [this.above, this.rows, this.below] = [".term-above", ".term-rows", ".term-below"].map((s) => root.querySelector(s));
    [this.first, this.total, this.follow, this.asked, this.mean, this.marked] = [0, 0, true, 0, 20, -1];
    this.onScroll = () => this.scrolled();
    this.onWheel = (e) => { if (e.deltaY < 0) this.setFollow(false); };
    this.onKey = (e) => { if (["ArrowUp", "PageUp", "Home"].includes(e.key)) this.setFollow(false); if (e.key === "Home") { e.preventDefault(); this.show(0); } if (e.key === "End") { e.preventDefault(); this.setFollow(true); this.show(this.total); } };
    this.resize = new ResizeObserver(() => { this.measure(); if (this.follow) this.toEnd(); });
    this.view.addEventListener("scroll", this.onScroll, { passive: true });
    this.view.addEventListener("wheel", this.onWheel, { passive: true });
    this.view.addEventListener("touchmove", this.onTouch = () => { if (!this.atEnd()) this.setFollow(false); }, { passive: true });
    this.view.addEventListener("keydown", this.onKey);
    this.resize.observe(this.view);
  }

  get last() { return this.first + this.rows.childElementCount; }
  atEnd() { return this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight < this.mean * 2; }
  toEnd() { this.view.scrollTop = this.view.scrollHeight; }

  setFollow(on) {
    if (this.follow === on) return;
    this.follow = on;
    this.page.invokeMethodAsync("FollowsAsync", on).catch(() => {});
  }

  measure() {
    const count = this.rows.childElementCount;
    if (count > 0 && this.rows.offsetHeight > 0) this.mean = this.rows.offsetHeight / count;
    // Browsers draw no element of any height: beyond this the room stands for more lines a pixel.
    const room = (lines) => `${Math.min(TallestRoom, Math.round(lines * this.mean))}px`;
    this.above.style.height = room(this.first);
    this.below.style.height = room(Math.max(0, this.total - this.last));
  }

  row(line) {
    const row = document.createElement("div");
    row.className = `term-row term-${line.source}${line.number === this.marked ? " term-marked" : ""}`;
    row.dataset.line = line.number;
    const number = document.createElement("span");
    number.className = "term-number";
    number.dataset.n = line.number + 1;
    number.title = `${new Date(line.at).toLocaleString()}\n${line.at}`;
    const text = document.createElement("span");
    text.className = "term-text";
    paint(text, line.text);
    row.append(number, text);
    return row;
  }

  async ask(first, count) {
    const asked = ++this.asked;
    const answer = await this.page.invokeMethodAsync("ReadAsync", Math.max(0, first), count).catch(() => null);
    if (!answer || asked !== this.asked) return null;
    this.total = Math.max(this.total, answer.total);
    return answer;
  }

  // Shows a line, wherever it is: what is in the page is replaced.
  async show(line) {
    const first = Math.max(0, Math.min(line, this.total) - (this.follow ? Window : RowsBeyond * 2));
    const answer = await this.ask(first, Window);
    if (!answer) return;
    this.first = answer.first;
    this.rows.replaceChildren(...answer.lines.map((l) => this.row(l)));
    this.measure();
    if (this.follow) this.toEnd();
    else (this.rows.querySelector(`[data-line="${Math.min(line, this.last - 1)}"]`) ?? this.rows.firstElementChild)?.scrollIntoView({ block: line === this.marked ? "center" : "start" });
  }

  async grew(total) {
    this.total = Math.max(this.total, total);
    if (!this.follow) { this.measure(); return; }
    if (this.growing) { this.again = true; return; }
    this.growing = true;
    try {
      do {
        this.again = false;
        if (this.total - this.last > Window) { await this.show(this.total); continue; }
        while (this.follow && this.last < this.total && await this.extend(false));
        if (this.follow) this.toEnd();
      } while (this.again && this.follow);
    } finally { this.growing = false; }
  }

  // Adds lines at one end and takes as many away at the other; what is looked at stays where it is.
  async extend(before) {
    const count = before ? Math.min(Step, this.first) : Step;
    if (count <= 0) return false;
    const answer = await this.ask(before ? this.first - count : this.last, count);
    if (!answer || answer.lines.length === 0) return false;
    const anchor = before ? this.rows.firstElementChild : [...this.rows.children].find((r) => r.offsetTop + r.offsetHeight > this.view.scrollTop);
    const wasAt = anchor?.getBoundingClientRect().top;
    const fresh = answer.lines.map((l) => this.row(l));
    if (before) {
      this.rows.prepend(...fresh);
      this.first = answer.first;
      while (this.rows.childElementCount > Window + Step) this.rows.lastElementChild.remove();
    } else {
      this.rows.append(...fresh);
      while (this.rows.childElementCount > Window + Step) { this.rows.firstElementChild.remove(); this.first++; }
    }
    this.measure();
    if (!this.follow && anchor?.isConnected) this.view.scrollTop += anchor.getBoundingClientRect().top - wasAt;
    return true;
  }

  async scrolled() {
    if (this.moving) return;
    this.moving = true;
    try {
      await new Promise(requestAnimationFrame);
      if (this.atEnd() && this.last >= this.total) this.setFollow(true);
      const seen = this.view.scrollTop, top = this.rows.offsetTop, bottom = top + this.rows.offsetHeight, tall = this.view.clientHeight;
      if (this.total === 0) return;
      if (seen + tall < top || seen > bottom) {
        // Far away: by the share of the room that was scrolled over.
        const before = this.above.offsetHeight, after = this.below.offsetHeight;
        const line = seen < top ? Math.floor(this.first * seen / Math.max(1, before)) : this.last + Math.floor((this.total - this.last) * (seen - bottom) / Math.max(1, after));
        if (line < this.total - 1) this.setFollow(false);
        await this.show(line);
      } else if (seen < top + tall && this.first > 0) await this.extend(true);
      else if (seen + tall > bottom - tall && this.last < this.total) await this.extend(false);
    } finally { this.moving = false; }
  }

  mark(line) {
    this.setFollow(false);
    this.rows.querySelector(".term-marked")?.classList.remove("term-marked");
    this.marked = line;
    const there = this.rows.querySelector(`[data-line="${line}"]`);
    if (there) { there.classList.add("term-marked"); there.scrollIntoView({ block: "center" }); } else this.show(line);
  }

  stop() {
    this.resize.disconnect();
    this.view.removeEventListener("scroll", this.onScroll);
    this.view.removeEventListener("wheel", this.onWheel);
    this.view.removeEventListener("touchmove", this.onTouch);
    this.view.removeEventListener("keydown", this.onKey);
  }
}

export async function open(root, page, total) {
  const terminal = new Terminal(root, page);
  terminal.total = total;
  await terminal.show(total);
  return {
    grew: (lines) => { terminal.grew(lines); },
    mark: (line) => terminal.mark(line),
    follow: (on) => { terminal.follow = on; if (on) terminal.show(terminal.total); },
    again: (lines) => { terminal.total = lines; terminal.first = 0; terminal.show(lines); },
    stop: () => terminal.stop(),
  };
}
