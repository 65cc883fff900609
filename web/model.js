// The student in this browser: on the GPU where that gives the processor's numbers, else on the processor.

import { probability } from "./decide.js";

const BATCH = 7; // pictures scored at once
const PROCESSOR = "./ort/ort.wasm.min.mjs";
const SAME = 1e-3; // the most that probability and distance may differ between GPU and processor
const PATTERNS = 3; // artificial pictures that both are asked about

export async function load() {
  const facts = await (await fetch("model.json")).json();
  const gpu = await openOnGpu(facts).catch(() => null); // no adapter, or one that lacks an operator
  return gpu ?? new Model(facts, ...(await open(PROCESSOR, "wasm", facts)), "processor");
}

async function open(module, provider, facts) {
  const ort = await import(module);
  ort.env.wasm.numThreads = 1; // more need headers that not every host sends, and bring a small model little
  ort.env.wasm.proxy = module === PROCESSOR; // in a worker, so that the page stays responsive; the GPU's module cannot
  ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
  const extra = facts.weight_only ? { session: { disable_quant_qdq: "1" } } : {};
  return [ort, await ort.InferenceSession.create(facts.file, { executionProviders: [provider], extra })];
}

// Whether two answers are the same; NaN for a distance is one that a GPU cannot compute.
export const alike = (a, b) =>
  Math.abs(a.p - b.p) < SAME &&
  (Number.isNaN(b.distance) ? Number.isNaN(a.distance) : Math.abs(a.distance - b.distance) < SAME * b.distance);

async function openOnGpu(facts) {
  if (!(await navigator.gpu?.requestAdapter())) return null;
  const module = "./ort/ort.webgpu.min.mjs";
  const gpu = new Model(facts, ...(await open(module, "webgpu", facts)), "GPU");
  const processor = new Model(facts, ...(await open(module, "wasm", facts)), "processor");
  const patterns = Array.from({ length: PATTERNS }, (_, n) =>
    Uint8ClampedArray.from({ length: 3 * facts.frame.size ** 2 }, (_, i) => (((i >> (3 * n)) * 7919) % 251)));
  const [ours, theirs] = [await gpu.answers(patterns), await processor.answers(patterns)];
  return ours.every((answer, n) => alike(answer, theirs[n])) ? gpu : null;
}

class Model {
  constructor(facts, ort, session, device) {
    Object.assign(this, { facts, ort, session, device });
  }

  // RGB bytes of squares -> {p, distance} of each
  async answers(squares) {
    const { size } = this.facts.frame, found = [], melanoma = this.facts.classes.indexOf(this.facts.melanoma);
    for (let start = 0; start < squares.length; start += BATCH) {
      const batch = squares.slice(start, start + BATCH), plane = size * size, input = new Float32Array(batch.length * 3 * plane);
      batch.forEach((square, n) => {
        for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) input[(3 * n + c) * plane + i] = square[3 * i + c] / 255;
      });
      const { logits, distance } = await this.session.run({ image: new this.ort.Tensor("float32", input, [batch.length, 3, size, size]) });
      const classes = this.facts.classes.length;
      batch.forEach((_, n) => {
        found.push({ p: probability(logits.data.slice(n * classes, (n + 1) * classes), melanoma), distance: distance.data[n] });
      });
    }
    return found;
  }
}
