// Prints the report. On paper what is folded lies open, except what else the library has, and folds again afterwards. Runs inside
// Gradio's HTML component.
element.addEventListener("click", (event) => {
  if (event.target.closest("button[data-action=print]")) window.print();
});
let unfolded = [];
window.addEventListener("beforeprint", () => {
  if (!element.checkVisibility()) return;
  unfolded = [...element.querySelectorAll("details:not([open]):not(.library)")];
  for (const details of unfolded) details.open = true;
});
window.addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
  unfolded = [];
});
