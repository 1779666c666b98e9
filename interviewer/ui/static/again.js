// The line that says which question is being answered again. Runs inside Gradio's HTML component (`element`, `trigger`, `watch`).
element.addEventListener("click", (event) => {
  if (event.target.closest("button")) trigger("click", {});
});
const turned = () => {
  const line = element.querySelector("[data-question]");
  const question = line ? line.dataset.question : "";
  window.interviewer.turnTo(question);
  // What was said before is covered up: saying it again from memory is what teaches.
  for (const card of document.querySelectorAll("#feedback details.question")) {
    const covered = question !== "" && card.dataset.question === question;
    card.classList.toggle("covered-card", covered);
    if (covered) card.querySelector(".revealed").setAttribute("inert", "");
    else card.querySelector(".revealed").removeAttribute("inert");
  }
  if (line) line.scrollIntoView({ block: "center" });
};
watch("value", turned);
turned();
