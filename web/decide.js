// From logits to what the page says; the formulas are those of stages/deployment/decision.py.

const CLIP = 1e-6;

const logOdds = p => {
  const clipped = Math.min(1 - CLIP, Math.max(CLIP, p));
  return Math.log(clipped / (1 - clipped));
};

export function probability(logits, melanoma) {
  const top = Math.max(...logits), exponents = Array.from(logits, x => Math.exp(x - top));
  return exponents[melanoma] / exponents.reduce((a, b) => a + b, 0);
}

export const calibrate = (p, decision) => 1 / (1 + Math.exp(-(decision.slope * logOdds(p) + decision.intercept)));

export const isRefused = (distance, decision) => !(distance <= decision.farthest); // what is no number is too far

export function decide(p, decision) {
  const melanoma = p >= decision.melanoma_from, other = p <= decision.other_up_to;
  return {
    calibrated: calibrate(p, decision),
    decision: p >= decision.threshold ? "flagged" : "not flagged",
    band: melanoma === other ? "cannot tell" : melanoma ? "melanoma suspected" : "melanoma unlikely",
  };
}
