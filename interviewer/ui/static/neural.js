// The neural voice: the server turns sentences into sound one by one; the next is on its way while one plays. What it can't say
// is passed on to the browser's own voice, so that every sentence is heard once and in its place.
const NEURAL = "neural"; // stands for it among the names of the browser's voices
const LONGEST_SENTENCE = 200; // characters; the server takes some more
const PATIENCE = 30000; // milliseconds until a sentence is given up

// At a comma, where there is one.
const inPieces = (text) => {
  if (text.length <= LONGEST_SENTENCE) return [text];
  const head = text.slice(0, LONGEST_SENTENCE);
  const comma = Math.max(...[..."，、：—,: "].map((mark) => head.lastIndexOf(mark)));
  const cut = comma > LONGEST_SENTENCE / 3 ? comma + 1 : LONGEST_SENTENCE;
  return [text.slice(0, cut), ...inPieces(text.slice(cut))];
};

// The sound of a sentence, or {problem}.
const fetchSound = async (asked, signal) => {
  const late = AbortSignal.timeout(PATIENCE);
  try {
    const reply = await fetch("/voice/say", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked),
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
    return reply.ok ? { sound: await reply.blob() } : { problem: (await reply.json()).problem || "failed" };
  } catch {
    return { problem: late.aborted ? "timeout" : "unreachable" };
  }
};

// Plays it; gives {over, end}: `over` is kept when it has ended, true if it was heard, and end() ends it.
const play = (sound, rate) => {
  const player = new Audio(URL.createObjectURL(sound));
  player.preservesPitch = true;
  player.defaultPlaybackRate = player.playbackRate = rate;
  let end;
  const over = new Promise((done) => {
    end = (heard) => {
      player.pause();
      URL.revokeObjectURL(player.src);
      done(heard);
    };
  });
  player.onended = () => end(true);
  player.onerror = () => end(false);
  player.play().catch(() => end(false));
  return { over, end: () => end(true) };
};

// `instead(text, lang)` says it with the browser's own voice and is kept when that is over; `gaveUp(problem)` is told once.
const neuralVoice = (settings, instead, gaveUp) => {
  let queue = []; // {asked, lang, over, sound}: sound is a promise once it has been asked for
  let running = null; // the AbortController of what is being said
  let playing = null;
  let broken = false; // from then on the browser's own voice reads

  const ahead = (count) => {
    for (const item of queue.slice(0, count)) item.sound ||= fetchSound(item.asked, running.signal);
  };
  const run = async () => {
    const { signal } = running;
    while (queue.length) {
      ahead(2);
      const { sound, problem } = await queue[0].sound;
      if (signal.aborted) return;
      const item = queue.shift();
      let heard = problem === "stopped"; // it is not the interviewer's any more: nothing to hear
      if (sound) {
        playing = play(sound, settings.rate);
        ahead(1);
        heard = await playing.over;
        playing = null;
        if (signal.aborted) return;
      } else if (problem === "unsayable") {
        gaveUp(problem);
        await instead(item.asked.text, item.lang);
        if (signal.aborted) return;
        heard = true;
      }
      if (!heard) {
        broken = true;
        gaveUp(problem || "unplayable");
        const rest = [item, ...queue];
        queue = [];
        running = null;
        for (const one of rest) instead(one.asked.text, one.lang).then(one.over);
        return;
      }
      item.over();
    }
    running = null;
  };

  return {
    broken: () => broken,
    mend: () => {
      broken = false;
    },
    say: (text, lang, session, over) => {
      queue.push({ asked: { session, text }, lang, over });
      if (running) return void (playing && ahead(1));
      running = new AbortController();
      run();
    },
    stop: () => {
      queue = [];
      if (running) running.abort();
      running = null;
      if (playing) playing.end();
      playing = null;
    },
  };
};
