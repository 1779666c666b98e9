// The voice bar under the answer box: microphone, hands-free listening, what to check in the transcript, reading aloud. Runs
// inside Gradio's HTML component (`element`), after recorder.js, neural.js and aloud.js. Texts are set as text, never as markup.
if (window.interviewer.voice) window.interviewer.voice.close();
const bar = element.firstElementChild;
const texts = JSON.parse(bar.dataset.texts);
const find = (name) => bar.querySelector(`.${name}`);
const [mic, label, drop, meter, state, hush, doubts] = ["mic", "label", "drop", "meter i", "state", "hush", "doubts"].map(find);
const box = () => document.querySelector("#answer textarea");
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const KEY = "interviewer-voice";
const kept = (() => {
  try {
    return JSON.parse(localStorage.getItem(KEY)) || {};
  } catch {
    return {};
  }
})();
const settings = { handsFree: Boolean(kept.handsFree), pause: Number(kept.pause) || 3, rate: Number(kept.rate) || 1, voices: kept.voices || {} };
const keep = () => localStorage.setItem(KEY, JSON.stringify(settings));
const gone = new AbortController(); // ends every listener when this bar is replaced
const on = (target, kind, action) => target.addEventListener(kind, action, { signal: gone.signal });

let phase = "idle"; // idle, asking (for the microphone), recording, listening (hands-free), hearing (the server is at work)
let recording = null;
let request = null;
let spoken = []; // names of the recordings whose words are in the box
let due = false; // the interviewer has had their say, and hands-free listening hasn't begun
let room = null;
let ears = { state: "" };

// ---- what is shown

const able = () => window.isSecureContext && navigator.mediaDevices && window.AudioWorkletNode && ears.state === "ready";
const hint = () => {
  if (!window.isSecureContext || !navigator.mediaDevices || !window.AudioWorkletNode) return texts.insecure;
  if (ears.state === "loading") return fill(texts.loading, { name: ears.name }) + (ears.detail ? ` (${ears.detail})` : "");
  if (ears.state === "failed") return fill(texts.failed_load, { name: ears.name, detail: ears.detail });
  if (ears.state === "none") return ears.suggested ? fill(texts.none, ears.suggested) : texts.none_small;
  return ears.state === "ready" ? "" : texts.checking;
};
// Unasked, only that there is no recogniser; how to get one when the button is pressed.
const news = () => (ears.state === "none" && window.isSecureContext ? texts.none_yet : hint());
const show = (text) => {
  if (state.textContent !== text) state.textContent = text;
};
const draw = (message) => {
  const open = phase === "recording" || phase === "listening";
  bar.dataset.phase = phase;
  mic.setAttribute("aria-pressed", String(open));
  // Without a recogniser the button stays in reach, so that pressing it says how to get one.
  mic.dataset.able = String(Boolean(able()));
  mic.setAttribute("aria-disabled", String(phase === "hearing"));
  label.textContent = open ? texts.finish : texts.speak;
  drop.hidden = !open && phase !== "hearing";
  hush.hidden = !reader.speaking();
  if (!open) meter.style.width = "0";
  if (message !== undefined) show(message);
  else if (phase !== "idle") show(texts[phase]);
};

// ---- recording

const seconds = (length) => `${Math.floor(length / 60)}:${String(Math.floor(length % 60)).padStart(2, "0")}`;
const begin = async (handsFree) => {
  if (phase !== "idle") return;
  due = false;
  if (!able()) return draw(hint());
  reader.stop();
  phase = "asking";
  draw();
  const silence = listener(settings.pause);
  try {
    recording = await record((loudness, span, length) => {
      meter.style.width = `${Math.min(100, Math.round(Math.sqrt(loudness) * 170))}%`;
      const now = silence(loudness, span);
      if (phase === "listening") {
        show(now.spoke && now.silentFor > 1 ? fill(texts.ending, { n: Math.ceil(settings.pause - now.silentFor) }) : texts.listening);
        if (now.over) return void finish();
        if (!now.spoke && length > 60) return void cancel(texts.nobody);
      } else show(`${texts.recording} ${seconds(length)}`);
      if (length >= LONGEST) finish();
    });
  } catch (error) {
    phase = "idle";
    return draw(error.name === "NotAllowedError" ? texts.refused : error.name === "NotFoundError" ? texts.no_microphone : texts.broken);
  }
  if (phase !== "asking") return void recording.drop(); // stopped before the microphone was there
  phase = handsFree ? "listening" : "recording";
  draw();
};

const finish = async () => {
  if (phase !== "recording" && phase !== "listening") return;
  phase = "hearing";
  draw();
  request = new AbortController();
  const mine = request;
  let result;
  try {
    const sound = await recording.stop();
    const reply = await fetch(`/voice/transcribe?lang=${room ? room.lang : ""}`, {
      method: "POST", body: sound, headers: { "Content-Type": "audio/wav" }, signal: mine.signal,
    });
    result = await reply.json();
  } catch {
    result = { problem: "unreachable" };
  }
  if (mine.signal.aborted || gone.signal.aborted) return;
  phase = "idle";
  if (result.problem) return draw(texts[`problem_${result.problem}`] || texts.problem_failed);
  draw(texts.done);
  take(result);
};

const cancel = (message) => {
  if (phase === "hearing") request.abort();
  else if (recording && phase !== "asking") recording.drop();
  phase = "idle";
  draw(message);
};

// ---- the transcript

// Behind what is in the box already, as if it had been typed.
const take = ({ text, doubts: places, spoken: name }) => {
  const node = box();
  if (!node) return;
  const before = node.value.trimEnd();
  const gap = before && (/[\w.,!?]$/.test(before) || /^\w/.test(text)) ? " " : "";
  spoken.push(name);
  window.interviewer.put(before + gap + text);
  if (document.activeElement === document.body || bar.contains(document.activeElement)) node.focus();
  node.setSelectionRange(node.value.length, node.value.length);
  const shift = before.length + gap.length;
  list(places.map((place) => ({ ...place, word: text.slice(place.start, place.end), start: place.start + shift })));
};

const list = (places) => {
  doubts.hidden = !places.length;
  doubts.querySelector("ul").replaceChildren(
    ...places.map((place) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = place.why;
      const mark = document.createElement("mark");
      mark.textContent = place.word;
      button.append(mark);
      if (place.why === "repaired") button.append(` ${fill(texts.heard_as, { heard: place.heard })}`);
      button.addEventListener("click", () => pick(place));
      item.append(button);
      return item;
    })
  );
};

// Selects the word in the box; the person may have edited around it, so it is looked for near where it was.
const pick = ({ word, start }) => {
  const node = box();
  if (!node) return;
  const places = [...node.value.matchAll(new RegExp(word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "g"))].map((found) => found.index);
  const at = places.sort((a, b) => Math.abs(a - start) - Math.abs(b - start))[0];
  node.focus();
  if (at !== undefined) node.setSelectionRange(at, at + word.length);
};

on(document, "input", (event) => {
  if (event.target !== box() || event.target.value.trim()) return;
  if (event.isTrusted) spoken = []; // emptied by hand: what comes next is typed
  list([]);
});

// ---- buttons and keys: a short press starts or ends, a held one records as long as it is held

const HELD = 400; // milliseconds
let pressedAt = 0;
const press = () => {
  pressedAt = performance.now();
  if (phase === "idle") begin(false);
  else if (phase === "recording" || phase === "listening") {
    pressedAt = 0;
    finish();
  }
};
const letGo = () => {
  const held = pressedAt && performance.now() - pressedAt > HELD;
  pressedAt = 0;
  if (!held) return;
  if (phase === "recording") finish();
  else if (phase === "asking") cancel(""); // let go before the microphone was there
};
on(mic, "pointerdown", (event) => {
  if (event.button !== 0) return;
  event.preventDefault(); // the focus stays in the answer box
  press();
});
on(window, "pointerup", letGo);
on(mic, "click", (event) => {
  if (event.detail === 0) press(); // by key or screen reader; pointers have pressed already
  if (event.detail === 0) pressedAt = 0;
});
on(mic, "contextmenu", (event) => event.preventDefault()); // a long touch
on(document, "keydown", (event) => {
  if (event.key === "Escape" && !drop.hidden) return void cancel("");
  if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.getModifierState("AltGraph")) return;
  if (event.code !== "KeyV" || !mic.checkVisibility()) return;
  event.preventDefault();
  if (!event.repeat) press();
});
on(document, "keyup", (event) => {
  if (event.code === "KeyV" || event.key === "Alt") letGo();
});
on(drop, "click", () => cancel(""));
on(hush, "click", () => reader.stop());

// ---- reading aloud, and listening when it is over

const listenIfDue = () => {
  if (due && settings.handsFree && phase === "idle" && able() && !reader.speaking() && mic.checkVisibility()) begin(true);
};
const neuralVoiceOf = (lang) => (ears.reading && ears.reading[lang]) || { state: "none" };
const reader = aloud(
  settings,
  () => {
    hush.hidden = !reader || !reader.speaking();
    setTimeout(listenIfDue, 300);
  },
  (lang) => ears.reading && neuralVoiceOf(lang).state === "ready",
  (kind, own) => show(texts[`neural_${kind}_${own ? "own" : "mute"}`])
);
on(window, "interviewer:room", ({ detail: now }) => {
  const before = room;
  room = now;
  if (!now) { // the person has left the interview
    due = false;
    reader.stop();
    if (phase !== "idle") cancel("");
    return list([]);
  }
  if (!before || before.session !== now.session) voiceList();
  const asking = now.busy && now.rows.some((row) => row.who === "interviewer" && row.typing);
  if (asking && (!before || !before.busy)) {
    reader.stop(); // an answer was sent
    if (phase !== "idle") cancel("");
    list([]);
  }
  reader.follow(now, window.interviewer.begun);
  window.interviewer.begun = window.interviewer.begun && !now.rows.length;
  const spokeNow = before && before.session === now.session ? before.busy && !now.busy : !now.busy && now.turns > 0;
  if (now.busy || now.finished) due = false;
  else if (spokeNow) due = true;
  setTimeout(listenIfDue, 300);
});

// ---- options

const [handsFree, pause, rate, voice] = ["hands-free", "pause", "rate", "aloud"].map(find);
handsFree.checked = settings.handsFree;
pause.value = String(settings.pause);
rate.value = String(settings.rate);
const spokenLang = () => (room ? room.lang : document.documentElement.lang.slice(0, 2));
const voiceList = () => {
  const lang = spokenLang();
  const local = reader.voices(lang).map((one) => [one.voiceURI, one.name]);
  const { state, name } = neuralVoiceOf(lang);
  const choices = [["", texts.aloud_off], ...(state === "none" ? [] : [[NEURAL, fill(texts[`neural_${state}`], { name })]]), ...local];
  const kept = settings.voices[lang] || "";
  const chosen = kept === NEURAL && state === "none" && local.length ? local[0][0] : kept; // there is none any more
  voice.replaceChildren(...choices.map(([value, name]) => new Option(name, value, false, value === chosen)));
  find("no-voice").hidden = choices.length > 1;
};
const change = (control, name, value) => on(control, "change", () => {
  settings[name] = value();
  keep();
  if (name === "handsFree" && phase === "listening") cancel("");
  if (name === "handsFree") due = settings.handsFree && room && !room.busy && !room.finished;
  listenIfDue();
});
change(handsFree, "handsFree", () => handsFree.checked);
change(pause, "pause", () => Number(pause.value));
change(rate, "rate", () => Number(rate.value));
change(voice, "voices", () => ({ ...settings.voices, [spokenLang()]: voice.value }));
on(voice, "change", () => {
  reader.stop();
  reader.anew();
});
if (window.speechSynthesis && speechSynthesis.addEventListener) on(speechSynthesis, "voiceschanged", voiceList);
voiceList();

// ---- the server's recogniser and voices

let next = 0; // the timer of the next look
const ask = async () => {
  clearTimeout(next);
  const last = `${ears.state} ${ears.name}`;
  const lastVoices = JSON.stringify(ears.reading);
  try {
    ears = await (await fetch("/voice/status", { signal: gone.signal })).json();
  } catch {
    if (gone.signal.aborted) return;
    ears = { state: "", reading: {} };
  }
  if (phase === "idle" && (last !== `${ears.state} ${ears.name}` || ears.state === "loading")) draw(news());
  if (lastVoices !== JSON.stringify(ears.reading)) {
    reader.anew();
    voiceList();
    if (room) reader.follow(room, false); // what had to wait for this
  }
  clearTimeout(next); // another look may have begun meanwhile
  if (ears.state === "ready") listenIfDue();
  const loading = [ears, neuralVoiceOf("zh"), neuralVoiceOf("en")].some((one) => one.state === "loading");
  if (ears.state !== "ready" || loading) next = setTimeout(() => gone.signal.aborted || ask(), loading ? 1500 : 20000);
};

window.interviewer.voice = {
  // The recordings whose words are being sent; given back when the message wasn't taken.
  take: () => spoken.splice(0).join(","),
  restore: (names) => {
    spoken = [...names.split(",").filter(Boolean), ...spoken];
  },
  // The settings page has another recogniser or voice, or none.
  look: ask,
  // The neural voice was chosen there for that language.
  readByNeural: (lang) => {
    settings.voices = { ...settings.voices, [lang]: NEURAL };
    keep();
    voiceList();
  },
  close: () => {
    if (phase !== "idle") cancel("");
    reader.stop();
    gone.abort();
  },
};
draw(news());
ask();
