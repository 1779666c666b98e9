// Reads the interviewer's words aloud, a sentence at a time as they stream, with a voice of this machine: voices that aren't
// `localService` may send the text to their maker, so they are never offered.
const sentences = (text, whole) => {
  const found = text.match(/[^。！？!?；;\n]*?(?:[。！？!?；;\n]+|\.(?=\s))["”’)）』」]*/g) || [];
  const rest = text.slice(found.join("").length);
  return whole && rest ? [...found, rest] : found;
};

const aloud = (settings, changed) => {
  const synthesis = window.speechSynthesis;
  let session = null;
  let said = []; // of each of the interviewer's turns, what has been passed on
  let waiting = 0;
  const voices = (lang) =>
    synthesis ? synthesis.getVoices().filter((voice) => voice.localService && voice.lang.toLowerCase().startsWith(lang)) : [];
  const voice = (lang) => voices(lang).find((one) => one.voiceURI === settings.voices[lang]);

  const speak = (text, lang) => {
    const sentence = new SpeechSynthesisUtterance(text);
    sentence.voice = voice(lang);
    sentence.lang = sentence.voice.lang;
    sentence.rate = settings.rate;
    waiting += 1;
    let counted = true;
    sentence.onend = sentence.onerror = () => {
      if (counted && waiting) waiting -= 1;
      counted = false;
      changed();
    };
    synthesis.speak(sentence);
  };

  const stop = () => {
    waiting = 0;
    if (synthesis) synthesis.cancel();
    changed();
  };

  return {
    voices,
    stop,
    speaking: () => waiting > 0,
    // What the room shows now. `fresh`: the interview began on this page, so its first words are news as well.
    follow: (now, fresh) => {
      const turns = now.rows.filter((row) => row.who === "interviewer" && !row.typing);
      if (now.session !== session) {
        stop();
        session = now.session;
        said = fresh ? [] : turns.map((turn) => turn.text);
      }
      turns.forEach((turn, place) => {
        const before = said[place] || "";
        if (before && !turn.text.startsWith(before)) {
          said[place] = turn.text; // it was put another way in the end; hearing both would confuse
          return;
        }
        const news = sentences(turn.text.slice(before.length), !turn.open);
        said[place] = before + news.join("");
        if (voice(now.lang)) news.map((text) => text.trim()).filter(Boolean).forEach((text) => speak(text, now.lang));
      });
      changed();
    },
  };
};
