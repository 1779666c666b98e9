// Passes a press on one of the list's buttons to the server. Runs inside Gradio's HTML component (`element`, `props`, `trigger`).
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  const { action, session } = button.dataset;
  if (action === "delete" && !window.confirm(props.sure)) return;
  // How many are shown goes along, so that a deleted one is no reason to fold the list up again.
  const shown = button.dataset.shown || element.querySelector(".sessions").dataset.shown;
  trigger("click", { action, session, shown });
});
