// For panels that are drawn anew as a whole: what was open stays open and what was typed into a form stays typed. Put before a
// component's own script, which calls `keep` after each drawing. Runs inside Gradio's HTML component (`element`).
const every = (selector, within = element) => [...within.querySelectorAll(selector)];
const subject = (form) => `${form.dataset.question}/${form.dataset.point}`;
const opened = new Map();
const typed = new Map();
let filed = ""; // the subject of the objection that was sent last
const remember = () => {
  for (const node of every("details[data-key]")) opened.set(node.dataset.key, node.open);
};
element.addEventListener("toggle", remember, true);
element.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-question]");
  if (form) typed.set(subject(form), event.target.value);
});
let keptSession = "";
const keep = (session) => {
  if (session !== keptSession) { // another interview
    keptSession = session;
    opened.clear();
    typed.clear();
  }
  for (const node of every("details[data-key]")) {
    if (opened.has(node.dataset.key)) node.open = opened.get(node.dataset.key);
  }
  const forms = new Map(every("form[data-question]").map((form) => [subject(form), form]));
  for (const [name, form] of forms) form.querySelector("textarea").value = typed.get(name) || "";
  for (const name of typed.keys()) if (!forms.has(name)) typed.delete(name); // it has been filed
  remember();
  // Whoever filed it is taken to what is said of it; not before there is something.
  const said = filed && every(".objected").find((node) => node.dataset.about === filed);
  if (!said) return;
  filed = "";
  said.focus({ preventScroll: true });
};

// An objection is sent by its form; `about` is what else goes along.
const objecting = (about) => (event) => {
  event.preventDefault();
  const { question, point } = event.target.dataset;
  const text = event.target.querySelector("textarea").value.trim();
  if (!text) return;
  for (const button of every("button", event.target)) {
    button.disabled = true;
    setTimeout(() => { button.disabled = false; }, 3000); // should it not have been taken
  }
  filed = subject(event.target);
  trigger("click", { action: "dispute", question, point, text, ...about() });
};
