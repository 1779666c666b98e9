// Prints the report. On paper what is folded lies open, except what else the library has, and folds again afterwards. Gradio may
// put the component on the page more than once, and there is one printer: it listens to the document.
window.interviewerPaper ||= (() => {
  document.addEventListener("click", (event) => {
    if (event.target.closest("#report button[data-action=print]")) window.print();
  });
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("#report details:not([open]):not(.library)")];
    for (const details of unfolded) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of unfolded) details.open = false;
    unfolded = [];
  });
  return true;
})();
