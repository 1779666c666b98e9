// Draws the interview room from the data of room_view.py. Runs inside Gradio's HTML component, which provides `element`,
// `props` and `watch`. Only textContent is ever set: what people and models wrote can't become markup. Bubbles that are
// there already are kept, so a selection, the scroll position and the screen reader's place survive every piece of a reply.
const log = element.querySelector(".log");
const ladder = element.querySelector(".ladder");
const spoken = element.querySelector(".announce");
const parts = {
  question: element.querySelector(".question"),
  heard: element.querySelector(".heard"),
  clock: element.querySelector(".clock"),
};
let announced = "";
let now = null; // what is shown
const begun = new Set(); // visits that have led the page here
const left = new Set(); // visits that are over: what is still on its way of them leads nowhere

const set = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

const bubble = () => {
  const row = document.createElement("div");
  for (const [name, kind] of [["who", "span"], ["by", "button"], ["tag", "span"], ["text", "div"]]) {
    const part = document.createElement(kind);
    part.className = name;
    row.appendChild(part);
  }
  row.children[1].type = "button";
  return row;
};

const drawRow = (row, data) => {
  const flags = ["soft", "typing", "open", "problem"].filter((flag) => data[flag]);
  const name = ["turn", data.who, ...flags].join(" ");
  if (row.className !== name) row.className = name;
  const [who, by, tag, text] = row.children;
  set(who, data.label || "");
  set(by, data.by || "");
  by.hidden = !data.by;
  if (data.source) by.setAttribute("popovertarget", `source-${data.source}`); // what that means, on a press
  set(tag, data.tag || "");
  set(text, data.text);
};

const clock = (seconds) => {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${two(Math.floor(s / 60))}:${two(s % 60)}`;
};

// Gradio's two buttons in the answer box carry a picture only, and its others have no place for a title or a shortcut.
const name = (selector, attribute, text) => {
  const button = document.querySelector(selector);
  if (button && button.getAttribute(attribute) !== text) button.setAttribute(attribute, text);
};
const nameButtons = () => {
  const names = element.firstElementChild.dataset;
  name("#answer .submit-button", "aria-label", names.send);
  name("#answer .stop-button", "aria-label", names.stop);
  for (const kind of ["hint", "clarify", "skip", "end", "leave"]) name(`#${kind}`, "title", names[kind]);
  name("#hint", "aria-keyshortcuts", "Alt+H");
  name("#skip", "aria-keyshortcuts", "Alt+S");
};

const tick = () => {
  nameButtons();
  if (!now || !element.isConnected) return;
  const since = now.finished ? 0 : (performance.now() - (element.drawnAt || performance.now())) / 1000;
  const label = element.firstElementChild.dataset;
  let text = `${label.elapsed} ${clock(now.elapsed + since)}`;
  if (now.left !== null && !now.finished) {
    const left = now.left - since;
    text += left > 0 ? ` · ${label.left} ${clock(left)}` : ` · ${label.timeUp}`;
  }
  set(parts.clock, text);
};

// By its button, and not by a message of Gradio's, of which the first are lost where a busy page gets several at once.
const toRoom = () => {
  const tab = document.querySelector("#tabs [role=tab][data-tab-id=interview]");
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
};

const leave = () => {
  window.interviewer.keepDraft();
  if (now) left.add(now.visit);
  now = null;
  delete log.dataset.session;
  log.replaceChildren();
  window.interviewer.arrived("");
  window.dispatchEvent(new CustomEvent("interviewer:room", { detail: null }));
};

const draw = () => {
  const news = props.value;
  if (news?.away) return leave();
  if (!news?.session) return;
  const entered = !now || now.session !== news.session;
  if (entered && (!news.visit || left.has(news.visit))) return; // of an interview that the page has left
  if (!entered && news.version < now.version) return; // overtaken: Gradio repeats an event's last data when it ends
  if (entered) window.interviewer.keepDraft();
  if (entered && now) left.add(now.visit);
  if (news.leads && !begun.has(news.visit)) toRoom();
  begun.add(news.visit);
  now = { ...news, visit: news.visit || now.visit };
  element.drawnAt = performance.now();
  const follow = log.scrollHeight - log.scrollTop - log.clientHeight < 80 || entered;
  log.dataset.session = now.session;
  log.dataset.turns = now.turns;
  for (const name of ["waiting", "finished", "owed", "mode"]) log.dataset[name] = String(now[name]); // what room.css goes by
  log.setAttribute("aria-busy", String(now.busy));
  const said = () => now.rows.filter((row) => row.who === "candidate").map((row) => row.text);
  if (entered) window.interviewer.arrived(now.session, said(), !now.finished);
  window.interviewer.taken(now.ticket, now.turns);
  now.rows.forEach((data, i) => drawRow(log.children[i] || log.appendChild(bubble()), data));
  while (log.children.length > now.rows.length) log.lastChild.remove();
  set(parts.question, now.question);
  set(parts.heard, now.heard);
  set(ladder, now.ladder);
  if (follow) log.scrollTop = log.scrollHeight;
  if (!now.busy) {
    // Read aloud once, when the reply is whole; announcing every piece would stutter.
    const last = (who) => now.rows.filter((row) => row.who === who).pop()?.text;
    const said = [now.waiting && last("note"), last("interviewer")].filter(Boolean).join(" ");
    if (said && said !== announced) set(spoken, (announced = said));
  }
  tick();
  window.dispatchEvent(new CustomEvent("interviewer:room", { detail: now }));
};

watch("value", draw);
draw();
if (element.clockTimer) clearInterval(element.clockTimer);
element.clockTimer = setInterval(tick, 500);
