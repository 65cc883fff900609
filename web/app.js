import * as ort from "./ort/ort.wasm.min.mjs";
import { decide, probability } from "./decide.js";
import { toSquare } from "./frame.js";
import { headerSize } from "./header.js";

const MEGABYTES = 30; // larger files are refused before they are read
const HEADER_BYTES = 1 << 20;
const element = id => document.getElementById(id);
const say = text => { element("status").textContent = text; };

ort.env.wasm.numThreads = 1; // threads need headers that a plain server does not send
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

async function load() {
  const facts = await (await fetch("model.json")).json();
  const extra = facts.weight_only ? { session: { disable_quant_qdq: "1" } } : {};
  const session = await ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"], extra });
  return { facts, session };
}

function check(frame, { width, height }) {
  const short = Math.min(width, height), long = Math.max(width, height);
  if (short < frame.min_side) throw new Error(`The picture is too small: ${frame.min_side} pixels a side are needed.`);
  if (long > frame.max_aspect * short) throw new Error("The picture is too long and narrow.");
  if (short * long > frame.max_megapixels * 1e6) throw new Error(`The picture has more than ${frame.max_megapixels} megapixels.`);
}

async function read(file, frame) {
  if (!file) throw new Error("No picture was chosen.");
  if (file.size > MEGABYTES * 1e6) throw new Error(`The file is larger than ${MEGABYTES} MB.`);
  const size = headerSize(new Uint8Array(await file.slice(0, HEADER_BYTES).arrayBuffer()));
  if (size) check(frame, size); // a small file can hold a picture that fills the memory
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Error("This file is no picture that the browser can read. JPEG and PNG work everywhere; HEIC and PDF do not.");
  }
  check(frame, bitmap);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // stands behind transparent pixels
  context.fillRect(0, 0, bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  const image = context.getImageData(0, 0, bitmap.width, bitmap.height);
  if (image.data[3] !== 255) throw new Error("The picture is too large for this browser."); // its canvas stayed empty
  return image;
}

function show(square, size) {
  const canvas = element("seen"), pixels = new ImageData(size, size);
  canvas.width = canvas.height = size;
  for (let i = 0; i < size * size; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = square[3 * i + c];
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

async function score({ facts, session }, square) {
  const size = facts.frame.size, input = new Float32Array(3 * size * size);
  for (let i = 0; i < size * size; i++) for (let c = 0; c < 3; c++) input[c * size * size + i] = square[3 * i + c] / 255;
  const { logits } = await session.run({ image: new ort.Tensor("float32", input, [1, 3, size, size]) });
  const p = probability(logits.data, facts.classes.indexOf(facts.melanoma));
  if (!Number.isFinite(p)) throw new Error("The model gives no number for this picture.");
  return p;
}

const DECISIONS = { melanoma: "above the threshold, suspected melanoma", other: "below the threshold" };

let latest = 0; // of the pictures chosen: an earlier one that is done later is not shown

async function judge(loaded, file) {
  const { facts } = loaded, number = ++latest;
  element("result").hidden = true;
  say("Reading the picture…");
  const square = toSquare(await read(file, facts.frame), facts.frame.size);
  const p = await score(loaded, square), found = decide(p, facts.decision);
  if (number !== latest) return;
  show(square, facts.frame.size);
  element("p").textContent = p.toFixed(4);
  element("p").dataset.value = p;
  element("calibrated").textContent = `${(100 * found.calibrated).toFixed(1)} %`;
  element("decision").textContent = DECISIONS[found.decision];
  element("band").textContent = found.band;
  element("point").textContent =
    `The threshold, ${facts.decision.threshold.toFixed(4)}, was chosen on validation images to find ` +
    `${(100 * facts.decision.sensitivity).toFixed(0)} % of their melanomas: it raises many false alarms, and misses some. This is no diagnosis.`;
  element("result").hidden = false;
  say(`Done: ${element("calibrated").textContent}, ${DECISIONS[found.decision]}. Band: ${found.band}.`); // read aloud
}

const loading = load();
loading.then(
  ({ facts }) => {
    element("model").textContent = `Model: ${facts.student} on ${facts.data}, ${facts.classes.length} classes. ${facts.licence}.`;
    say("Ready.");
  },
  error => say(`The model could not be loaded: ${error.message}`),
);

element("file").addEventListener("change", async event => {
  const [file] = event.target.files;
  try {
    await judge(await loading, file);
  } catch (error) {
    say(error.message);
  }
  event.target.value = ""; // so that the same file can be chosen again
});

if ("serviceWorker" in navigator) navigator.serviceWorker.register("service_worker.js");
