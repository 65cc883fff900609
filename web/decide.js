// From logits to what the page says; the formulas are those of stages/commands/predict.py.

const CLIP = 1e-6;

export function probability(logits, melanoma) {
  const top = Math.max(...logits), exponents = Array.from(logits, x => Math.exp(x - top));
  return exponents[melanoma] / exponents.reduce((a, b) => a + b, 0);
}

export function decide(p, decision) {
  const clipped = Math.min(1 - CLIP, Math.max(CLIP, p));
  const calibrated = 1 / (1 + Math.exp(-(decision.slope * Math.log(clipped / (1 - clipped)) + decision.intercept)));
  const melanoma = p >= decision.melanoma_from, other = p <= decision.other_up_to;
  return {
    calibrated,
    decision: p >= decision.threshold ? "melanoma" : "other",
    band: melanoma === other ? "refer" : melanoma ? "suspicious" : "benign",
  };
}
