// The line that says which question is being answered again. Runs inside Gradio's HTML component (`element`, `trigger`, `watch`).
element.addEventListener("click", (event) => {
  if (event.target.closest("button")) trigger("click", {});
});
const line = () => element.querySelector("[data-question]");
// What was said before is covered up: saying it again from memory is what teaches. Its card comes open, for what becomes of it.
const cover = () => {
  const question = line() ? line().dataset.question : "";
  for (const card of document.querySelectorAll("#feedback details.question")) {
    const covered = question !== "" && card.dataset.question === question;
    card.classList.toggle("covered-card", covered);
    if (covered) card.open = true;
    card.querySelector(".revealed").toggleAttribute("inert", covered);
  }
};
const turned = () => {
  window.interviewer.turnTo(line() ? line().dataset.question : "");
  cover();
  if (line()) line().scrollIntoView({ block: "center" });
};
window.addEventListener("interviewer:feedback", cover);
watch("value", turned);
turned();
