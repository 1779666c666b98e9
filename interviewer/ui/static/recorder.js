// The microphone: one recording at a time, its loudness while it runs, and a 16 kHz WAV in the end. Nothing is stored, and a
// stopped recording lets go of the microphone at once, so that the browser's sign for it goes out.
const RATE = 16000;
const LONGEST = 300; // seconds; the server takes no more
// Passes the sound on in blocks of 2048 samples, some 23 a second.
const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
  constructor() { super(); this.block = new Float32Array(2048); this.filled = 0; }
  process(inputs) {
    const sound = inputs[0][0];
    for (let i = 0; sound && i < sound.length; i++) {
      this.block[this.filled++] = sound[i];
      if (this.filled === this.block.length) { this.port.postMessage(this.block.slice()); this.filled = 0; }
    }
    return true;
  }
});`;

// Tells when somebody has begun to speak and when they have been silent for `pause` seconds since. Loudness is measured against
// the quietest sound of late, so that a humming fan is silence; it follows quickly downwards and slowly upwards.
const listener = (pause) => {
  let floor = 0.01;
  let loudFor = 0;
  let silentFor = 0;
  let spoke = false;
  return (loudness, seconds) => {
    const loud = loudness > Math.max(0.006, floor * 3);
    if (loudness < floor) floor = Math.max(loudness, 0.0005);
    else if (!loud) floor += (loudness - floor) * Math.min(1, seconds / 2);
    loudFor = loud ? loudFor + seconds : 0;
    silentFor = loudFor > 0.08 ? 0 : silentFor + seconds; // a click is no word
    spoke = spoke || loudFor > 0.15;
    return { spoke, over: spoke && silentFor >= pause, silentFor };
  };
};

const wav = (samples) => {
  const data = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const write = (at, text) => [...text].forEach((letter, i) => data.setUint8(at + i, letter.charCodeAt(0)));
  write(0, "RIFF");
  data.setUint32(4, 36 + samples.length * 2, true);
  write(8, "WAVEfmt ");
  data.setUint32(16, 16, true);
  data.setUint16(20, 1, true); // plain samples
  data.setUint16(22, 1, true); // one channel
  data.setUint32(24, RATE, true);
  data.setUint32(28, RATE * 2, true);
  data.setUint16(32, 2, true);
  data.setUint16(34, 16, true);
  write(36, "data");
  data.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, i) => data.setInt16(44 + i * 2, Math.max(-1, Math.min(1, sample)) * 32767, true));
  return new Blob([data], { type: "audio/wav" });
};

// At RATE, by the browser's own filter.
const resampled = async (blocks, rate) => {
  const length = blocks.reduce((sum, block) => sum + block.length, 0);
  if (!length) return new Float32Array();
  const offline = new OfflineAudioContext(1, Math.ceil((length * RATE) / rate), RATE);
  const buffer = offline.createBuffer(1, length, rate);
  let at = 0;
  for (const block of blocks) {
    buffer.copyToChannel(block, 0, at);
    at += block.length;
  }
  const source = offline.createBufferSource();
  source.buffer = buffer;
  source.connect(offline.destination);
  source.start();
  return (await offline.startRendering()).getChannelData(0);
};

// Starts recording. `heard(loudness, seconds, length)` is told of every block. Gives {stop, drop}: stop() ends it and gives the
// WAV, drop() throws it away. Rejects as getUserMedia does.
const record = async (heard) => {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
  const release = () => stream.getTracks().forEach((track) => track.stop());
  let context = null;
  try {
    context = new AudioContext();
    const code = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));
    await context.audioWorklet.addModule(code);
    URL.revokeObjectURL(code);
    await context.resume();
  } catch (error) {
    release();
    if (context) context.close();
    throw error;
  }
  const blocks = [];
  let length = 0;
  const tap = new AudioWorkletNode(context, "tap", { channelCount: 1, channelCountMode: "explicit" });
  tap.port.onmessage = ({ data }) => {
    blocks.push(data);
    length += data.length / context.sampleRate;
    const power = data.reduce((sum, sample) => sum + sample * sample, 0) / data.length;
    heard(Math.sqrt(power), data.length / context.sampleRate, length);
  };
  context.createMediaStreamSource(stream).connect(tap);
  tap.connect(context.destination); // it puts out silence, but only what leads somewhere is run
  const end = () => {
    tap.port.onmessage = null;
    release();
    return context.close();
  };
  return {
    stop: async () => {
      const rate = context.sampleRate;
      await end();
      return wav(await resampled(blocks, rate));
    },
    drop: end,
  };
};
