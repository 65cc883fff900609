// The calibrated probability on a scale of log odds, with the operating point and the bands of referral.

import { calibrate } from "./decide.js";

const WIDTH = 320, HEIGHT = 80, LOW = 0.001, HIGH = 0.99;
const TICKS = [0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.99];
const logOdds = p => Math.log(p / (1 - p));
const place = p => 8 + ((logOdds(Math.min(HIGH, Math.max(LOW, p))) - logOdds(LOW)) / (logOdds(HIGH) - logOdds(LOW))) * (WIDTH - 16);
const percent = p => `${p < 0.1 ? (100 * p).toFixed(1).replace(".0", "") : Math.round(100 * p)}\u00a0%`; // never apart
export const percentage = p => (p < LOW ? `< ${percent(LOW)}` : p > HIGH ? `> ${percent(HIGH)}` : percent(p)); // never 0 or 100 %

function part(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

export function gauge(calibrated, decision, label) {
  const svg = part("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "gauge" });
  const at = p => place(calibrate(p, decision));
  const [from, to] = [decision.melanoma_from, decision.other_up_to].sort((a, b) => a - b).map(at);
  const bands = [["unlikely", 8, from], ["cannot tell", from, to], ["suspected", to, WIDTH - 8]];
  for (const [name, left, right] of bands) {
    svg.append(part("rect", { x: left, y: 26, width: Math.max(0, right - left), height: 16, class: name.replace(" ", "-") }));
    if (right - left > 7 * name.length) svg.append(part("text", { x: right - 6, y: 38, class: "band", "text-anchor": "end" }, name));
  }
  const anchor = tick => (tick === LOW ? "start" : tick === HIGH ? "end" : "middle");
  for (const tick of TICKS) svg.append(part("text", { x: place(tick), y: 59, class: "tick", "text-anchor": anchor(tick) }, percent(tick)));
  const threshold = at(decision.threshold);
  svg.append(part("line", { x1: threshold, x2: threshold, y1: 20, y2: 46, class: "threshold" }));
  svg.append(part("text", { x: threshold, y: 74, class: "tick", "text-anchor": threshold < 50 ? "start" : "middle" }, "flagged from here"));
  const needle = place(calibrated);
  svg.append(part("path", { d: `M ${needle} 26 l -7 -12 h 14 z`, class: "needle" }));
  svg.append(part("text", { x: Math.min(WIDTH - 24, Math.max(24, needle)), y: 11, class: "value", "text-anchor": "middle" }, percentage(calibrated)));
  return svg;
}
