// Reads the interviewer's words aloud, a sentence at a time as they stream: with the neural voice, if one is chosen and ready, or
// with a voice of this machine. Voices that aren't `localService` may send the text to their maker, so they are never offered.
const sentences = (text, whole) => {
  const found = text.match(/[^。！？!?；;\n]*?(?:[。！？!?；;\n]+|\.(?=\s))["”’)）』」]*/g) || [];
  const rest = text.slice(found.join("").length);
  return whole && rest ? [...found, rest] : found;
};

// `neuralReady(lang)`: whether the server has one, undefined while that isn't known; `gaveUp(problem, own)` is told why it doesn't speak, and whether the browser has
// a voice of its own to go on with.
const aloud = (settings, changed, neuralReady, gaveUp) => {
  const synthesis = window.speechSynthesis;
  let session = null;
  let said = []; // of each of the interviewer's turns, what has been passed on
  let waiting = 0;
  let own = 0; // of those, what the browser's voice has to say
  let turn = 0; // counts the stops: what ends later than that is no news
  const voices = (lang) =>
    synthesis ? synthesis.getVoices().filter((voice) => voice.localService && voice.lang.toLowerCase().startsWith(lang)) : [];
  // Where the neural voice is chosen and can't be had, any of the browser's.
  const voice = (lang) => voices(lang).find((one) => settings.voices[lang] === NEURAL || one.voiceURI === settings.voices[lang]);

  const utter = (text, lang) =>
    new Promise((done) => {
      const own = voice(lang);
      if (!own) return done();
      const sentence = new SpeechSynthesisUtterance(text);
      sentence.voice = own;
      sentence.lang = own.lang;
      sentence.rate = settings.rate;
      sentence.onend = sentence.onerror = done;
      synthesis.speak(sentence);
    });
  let warned = {};
  const neural = neuralVoice(settings, utter, (problem, lang = session && session.lang) => {
    const kind = problem === "unsayable" ? problem : "failed";
    if (!warned[kind]) gaveUp(kind, Boolean(voice(lang)));
    warned[kind] = true;
  });
  // It doesn't talk into what the browser's voice is saying.
  const byNeural = (lang) => settings.voices[lang] === NEURAL && neuralReady(lang) && !neural.broken() && !own;
  const unknown = (lang) => settings.voices[lang] === NEURAL && neuralReady(lang) === undefined;

  const speak = (text, lang) => {
    const mine = turn;
    const browsers = !byNeural(lang);
    waiting += 1;
    own += browsers;
    const over = () => {
      if (mine !== turn) return;
      waiting -= 1;
      own -= browsers;
      changed();
    };
    if (browsers) utter(text, lang).then(over);
    else neural.say(text, lang, session.id, over);
  };

  const stop = () => {
    turn += 1;
    waiting = own = 0;
    neural.stop();
    if (synthesis) synthesis.cancel();
    changed();
  };

  return {
    voices,
    stop,
    speaking: () => waiting > 0,
    // Another voice was chosen, or the server has another: it gets a fresh chance.
    anew: () => {
      neural.mend();
      warned = {};
    },
    // What the room shows now. `fresh`: the interview began on this page, so its first words are news as well.
    follow: (now, fresh) => {
      const turns = now.rows.filter((row) => row.who === "interviewer" && !row.typing);
      if (!session || now.session !== session.id) {
        stop();
        session = { id: now.session, lang: now.lang };
        said = fresh ? [] : turns.map((turn) => turn.text);
      }
      if (unknown(now.lang)) return; // nothing is passed over before that is known
      const audible = byNeural(now.lang) || voice(now.lang);
      turns.forEach((turn, place) => {
        const before = said[place] || "";
        if (before && !turn.text.startsWith(before)) {
          said[place] = turn.text; // it was put another way in the end; hearing both would confuse
          return;
        }
        const news = sentences(turn.text.slice(before.length), !turn.open);
        said[place] = before + news.join("");
        if (!audible) return;
        const pieces = news.flatMap(inPieces).map((text) => text.trim());
        pieces.filter((text) => /[\p{L}\p{N}]/u.test(text)).forEach((text) => speak(text, now.lang));
      });
      changed();
    },
  };
};
