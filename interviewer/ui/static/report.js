// Prints the report and leads from it to the question bank. On paper what is folded lies open, except what else the library has, and folds again afterwards. Gradio may
// put the component on the page more than once, and there is one printer: it listens to the document.
window.interviewerPaper ||= (() => {
  document.addEventListener("click", (event) => {
    if (event.target.closest("#report button[data-action=print]")) window.print();
  });
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("#report details:not([open]):not(.library, .objection)")];
    for (const details of unfolded) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of unfolded) details.open = false;
    unfolded = [];
  });
  return true;
})();

// A question can be answered again, and objected to, as in the room.
const about = () => ({ session: element.querySelector(".report").dataset.session });
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action=again]");
  if (button) trigger("click", { ...button.dataset, ...about() });
});
element.addEventListener("submit", objecting(about));
const drawn = () => keep(about().session || "");
watch("value", drawn);
drawn(); // the tab may be seen for the first time

// A key point leads to its entry in the question bank, unless somebody still wants what they were changing there.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action=entry]");
  if (!button) return;
  const form = document.querySelector("form.bank-edit");
  const leave = new Event("bank-leave", { bubbles: true, cancelable: true });
  if (!form || form.dispatchEvent(leave)) trigger("click", { ...button.dataset });
});
