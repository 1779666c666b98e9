// The feedback panel: passes what is pressed to the server, leads from marked words to their points and back, and keeps the
// focus when the panel is drawn anew (what is open and typed, keep.js keeps). Runs inside Gradio's HTML component.

element.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  const sure = at("button[data-percent]");
  const again = at("button[data-again]");
  if (sure) {
    const card = sure.closest("[data-question]");
    for (const button of every("button", card)) button.disabled = true; // one press is enough
    trigger("click", { action: "sure", question: card.dataset.question, percent: sure.dataset.percent });
  } else if (again) {
    trigger("click", { action: "again", question: again.dataset.again });
  }
});
element.addEventListener("submit", objecting(() => ({})));

// Marked words and their points, here and in the report: to be on the one shows the other.
const linked = (node) => {
  const link = node.closest && node.closest("mark a[data-refs]");
  if (link) return link.dataset.refs.trim().split(" ").map((id) => document.getElementById(id)).filter(Boolean);
  const point = node.closest && node.closest(".point[id], .misconceptions p[id]");
  if (!point) return [];
  return every(`mark a[data-refs~="${CSS.escape(point.id)}"]`, document).map((other) => other.parentElement);
};
const light = (event) => {
  for (const node of every(".lit", document)) node.classList.remove("lit");
  for (const node of linked(event.target)) node.classList.add("lit");
};
const follow = (event) => {
  const link = event.target.closest && event.target.closest("mark a[data-refs]");
  if (!link) return;
  event.preventDefault();
  const [point] = linked(link);
  if (!point) return;
  point.scrollIntoView({ block: "nearest" });
  point.focus({ preventScroll: true });
};
if (!window.interviewerMarks) {
  // Once a page, however often Gradio builds this component.
  window.interviewerMarks = true;
  document.addEventListener("pointerover", light);
  document.addEventListener("focusin", light);
  document.addEventListener("click", follow);
}

let inside = false;
element.addEventListener("focusin", () => { inside = true; });
document.addEventListener("focusin", (event) => { if (!element.contains(event.target)) inside = false; });

// What comes late, of an interview that the page has left meanwhile, gives way to what was here before. A moment later, since
// the room may be drawn after this.
const drawn = () => element.querySelector(".feedback")?.dataset.session || "";
const latest = new Map();
const settle = () => {
  const here = window.interviewer.here();
  if (here && drawn() !== here && latest.has(here)) props.value = latest.get(here);
};

watch("value", () => {
  latest.set(drawn(), props.value);
  setTimeout(settle, 400);
  keep(element.querySelector(".feedback")?.dataset.session || "");
  window.dispatchEvent(new Event("interviewer:feedback")); // drawn anew, what was covered up lies open
  // Whoever was in here with the keyboard is taken to what has come in the place of what they pressed.
  if (inside && (document.activeElement === document.body || !document.activeElement)) {
    const next = element.querySelector(".sure button") || element.querySelector("details.question[open] > summary");
    if (next) next.focus({ preventScroll: true });
  }
});
