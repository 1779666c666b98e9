// Passes presses on the question bank's buttons to the server, with the edited form where there is one, and puts the focus
// where the new content begins. Runs inside Gradio's HTML component (`element`, `props`, `trigger`, `watch`).
const form = () => element.querySelector("form.bank-edit");
const values = (node) =>
  Object.fromEntries(
    [...node.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, field.value])
  );
const gathered = () => {
  const points = [...form().querySelectorAll("[data-point]")];
  const own = [...form().querySelectorAll("[data-field]")].filter((field) => !field.closest("[data-point]"));
  return {
    ...Object.fromEntries(own.map((field) => [field.dataset.field, field.value])),
    points: points.map((point) => ({ ...values(point), id: point.dataset.id })),
  };
};

let opened = "";
const dirty = () => form() && ("dirty" in form().dataset || JSON.stringify(gathered()) !== opened);

const number = () =>
  form().querySelectorAll("[data-point] legend .number").forEach((label, i) => { label.textContent = String(i + 1); });

const addPoint = () => {
  const list = form().querySelector(".bank-all-points");
  const fresh = form().querySelector(".bank-new-point").content.firstElementChild.cloneNode(true);
  const name = `${Date.now().toString(36)}${list.children.length}`;
  for (const node of [fresh, ...fresh.querySelectorAll("*")]) {
    for (const attribute of ["id", "for", "aria-describedby"]) {
      const value = node.getAttribute(attribute);
      if (value) node.setAttribute(attribute, value.replace("NEW", name));
    }
  }
  list.appendChild(fresh);
  number();
  fresh.querySelector("textarea").focus();
};

const dropPoint = (point) => {
  const near = point.nextElementSibling || point.previousElementSibling;
  point.remove();
  number();
  (near ? near.querySelector("textarea") : form().querySelector("[data-action=add-point]")).focus();
};

window.addEventListener("beforeunload", (event) => {
  if (element.isConnected && dirty()) event.preventDefault();
});
element.addEventListener("bank-leave", (event) => {
  if (dirty() && !window.confirm(form().dataset.unsaved)) event.preventDefault();
});
element.addEventListener("submit", (event) => event.preventDefault());
element.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-goto]");
  if (link) {
    event.preventDefault();
    const field = document.getElementById(link.dataset.goto);
    if (field) field.focus();
    return;
  }
  const button = event.target.closest("button[data-action]");
  if (!button || event.detail > 1) return; // the second half of a double click means nothing
  const data = { ...button.dataset };
  if (data.action === "add-point") return void addPoint();
  if (data.action === "drop-point") return void dropPoint(button.closest("[data-point]"));
  if (data.sure && !window.confirm(data.sure)) return;
  if ("leaves" in data && dirty() && !window.confirm(form().dataset.unsaved)) return;
  if (data.action === "save") Object.assign(data, { question: form().dataset.question, seen: form().dataset.seen, form: gathered() });
  if (data.action === "practise") data.press = window.interviewer.begin();
  trigger("click", data);
});

const arrived = () => {
  opened = form() ? JSON.stringify(gathered()) : "";
  if (form()) number();
  const target = element.querySelector("[data-target] textarea") || element.querySelector("[data-focus]");
  // Its column may be shown a moment later, and what is hidden can't take the focus.
  const focus = (tries) => {
    if (target.checkVisibility()) target.focus();
    else if (tries && target.isConnected) setTimeout(focus, 50, tries - 1);
  };
  if (target) focus(20);
};
watch("value", arrived);
arrived(); // what is in a column that was hidden is made anew when that is shown, with its value
