// The settings that the browser keeps by itself, and the copy button. Runs inside Gradio's HTML component (`element`, `watch`).
const mark = () => {
  for (const radio of element.querySelectorAll("input[name=theme]")) radio.checked = radio.value === window.interviewerTheme.kept();
};
watch("value", mark); // drawn anew, with nothing chosen
mark();
element.addEventListener("change", (event) => {
  if (event.target.name === "theme") window.interviewerTheme.choose(event.target.value);
});
element.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch { // no https, or not allowed: leave it marked, for the keyboard
    window.getSelection().selectAllChildren(element.querySelector(".path"));
    return;
  }
  button.textContent = button.dataset.done;
});
