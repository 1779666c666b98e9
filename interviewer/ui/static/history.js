// Passes a press on one of the list's buttons to the server. Runs inside Gradio's HTML component (`element`, `props`, `trigger`).
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  const { action, session } = button.dataset;
  if (action === "delete" && !window.confirm(props.sure)) return;
  trigger("click", { action, session });
});
