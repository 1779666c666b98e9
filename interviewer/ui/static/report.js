// Prints the report. On paper everything that is folded lies open, and folds again afterwards. Runs inside Gradio's HTML component.
element.addEventListener("click", (event) => {
  if (event.target.closest("button[data-action=print]")) window.print();
});
let unfolded = [];
window.addEventListener("beforeprint", () => {
  if (!element.checkVisibility()) return;
  unfolded = [...element.querySelectorAll("details:not([open])")];
  for (const details of unfolded) details.open = true;
});
window.addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
  unfolded = [];
});
