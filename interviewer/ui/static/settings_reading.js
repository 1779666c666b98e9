// The settings page's neural voice of one language: a sample to hear, and the turn to it once it is ready. Runs inside Gradio's
// HTML component (`element`, `watch`), after neural.js.
const KEPT = "interviewer-voice"; // what the voice bar keeps
const section = () => element.querySelector("section");
let heard = null; // the sample that is playing

// The person named it on this page: their browser reads with it from now on. The bar keeps that itself, if it is there.
const turnToIt = (lang) => {
  const bar = window.interviewer.voice;
  if (bar) return bar.readByNeural(lang);
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEPT)) || {};
  } catch { // not ours, or broken: begun anew
  }
  localStorage.setItem(KEPT, JSON.stringify({ ...kept, voices: { ...kept.voices, [lang]: NEURAL } }));
};
const look = () => {
  if (!section()) return;
  const { lang, state } = section().dataset;
  const wanted = window.interviewer.wanted;
  if (state === "ready" && wanted && wanted[lang]) {
    wanted[lang] = false;
    turnToIt(lang);
  }
  window.interviewer.voice?.look();
};
watch("value", look);

element.addEventListener("click", async (event) => {
  const button = event.target.closest("button.try");
  if (!button) return;
  if (heard) heard.end();
  button.disabled = true;
  const { lang, failed } = section().dataset;
  const { sound } = await fetchSound({ sample: lang });
  button.disabled = false;
  heard = sound ? play(sound, 1) : null;
  const tried = section().querySelector(".tried");
  tried.textContent = "";
  if (!heard || !(await heard.over)) tried.textContent = failed;
  heard = null;
});
