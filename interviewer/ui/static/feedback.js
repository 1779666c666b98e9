// The feedback panel: passes what is pressed to the server, leads from marked words to their points and back, and keeps what
// is open, the place and the focus when the panel is drawn anew. Runs inside Gradio's HTML component.
const every = (selector, within = element) => [...within.querySelectorAll(selector)];

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
element.addEventListener("submit", (event) => {
  event.preventDefault();
  const { question, point } = event.target.dataset;
  const text = event.target.querySelector("textarea").value.trim();
  if (!text) return;
  for (const button of every("button", event.target)) button.disabled = true;
  trigger("click", { action: "dispute", question, point, text });
});

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

// What was open stays open and what was typed stays typed. The newest question, not seen before, comes open.
const known = new Map();
const remember = () => {
  for (const node of every("details[data-key]")) known.set(node.dataset.key, node.open);
};
element.addEventListener("toggle", remember, true);
const typed = new Map();
element.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-question]");
  if (form) typed.set(`${form.dataset.question}/${form.dataset.point}`, event.target.value);
});
let inside = false;
element.addEventListener("focusin", () => { inside = true; });
document.addEventListener("focusin", (event) => { if (!element.contains(event.target)) inside = false; });

let session = "";
watch("value", () => {
  const now = document.querySelector("#room .log")?.dataset.session || "";
  if (now !== session) { // another interview
    session = now;
    known.clear();
    typed.clear();
  }
  for (const node of every("details[data-key]")) {
    if (known.has(node.dataset.key)) node.open = known.get(node.dataset.key);
  }
  for (const form of every("form[data-question]")) {
    form.querySelector("textarea").value = typed.get(`${form.dataset.question}/${form.dataset.point}`) || "";
  }
  remember();
  // Whoever was in here with the keyboard is taken to what has come in the place of what they pressed.
  if (inside && (document.activeElement === document.body || !document.activeElement)) {
    const next = element.querySelector(".sure button") || element.querySelector("details.question[open] > summary");
    if (next) next.focus({ preventScroll: true });
  }
});
