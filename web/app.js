import { closeCamera, openCamera, takeSquare } from "./camera.js";
import { decide, isRefused } from "./decide.js";
import { toSquare } from "./frame.js";
import { gauge, percentage } from "./gauge.js";
import { heatMap } from "./heat.js";
import { load } from "./model.js";
import { canvasOf, readPicture } from "./picture.js";

const MOST = 50; // pictures at once
const BANDS = {
  "melanoma unlikely": "Almost all melanomas the bounds were set with have a higher probability. That rules nothing out.",
  "cannot tell": "In between, where melanomas and other lesions both are: the model leaves it open.",
  "melanoma suspected": "The probability is higher than that of almost all other lesions the bounds were set with.",
};
const CALLED = { flagged: "Flagged by the model.", "not flagged": "Not flagged by the model." };
const SCOPE = "It looks for melanoma alone: basal cell carcinoma and other skin cancers count as other.";
const capital = text => text[0].toUpperCase() + text.slice(1);
const UNFAMILIAR = "Not a dermatoscopic image this model knows";
const element = id => document.getElementById(id);
const say = text => { element("status").textContent = text; };

function make(name, text, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const loading = load();

// One card for a picture: what it is called, the picture as the model sees it, and what is said of it.
function card(title, square, size) {
  const article = make("article"), picture = make("div", "", "picture"), text = make("div", "", "text");
  article.setAttribute("aria-label", title);
  if (square) picture.append(canvasOf(square, size, `${title}, as the model sees it: squashed to a square`));
  text.append(make("h3", title));
  article.append(picture, text);
  element("results").append(article);
  element("actions").hidden = false;
  return { article, picture, text };
}

function showAnswer(model, title, square, answer) {
  const { facts } = model, { p, distance } = answer, refused = isRefused(distance, facts.decision);
  if (!Number.isFinite(p)) throw new Error("The model gives no number for this picture.");
  const shown = card(title, square, facts.frame.size);
  Object.assign(shown.article.dataset, { distance, refused });
  return refused ? refuse(model, title, square, answer, shown) : explain(model, title, square, answer, shown);
}

function refuse(model, title, square, answer, shown) {
  const { text } = shown, { farthest } = model.facts.decision, anyhow = button("Show the probability all the same", title);
  text.append(make("p", UNFAMILIAR, "answer"));
  text.append(make("p", `It is ${answer.distance.toFixed(1)} from the training images; up to ${farthest.toFixed(1)} is answered. No probability is shown.`, "quiet"), anyhow);
  anyhow.addEventListener("click", () => {
    anyhow.remove();
    say(`${title}: ${UNFAMILIAR}, and yet: ${explain(model, title, square, answer, shown)}`);
    const [, told] = text.querySelectorAll(".answer");
    told.tabIndex = -1;
    told.focus(); // not back to the top of the page
  });
  return UNFAMILIAR;
}

// A button whose name says which picture it is of.
function button(label, title) {
  const made = make("button", label);
  made.type = "button";
  made.setAttribute("aria-label", `${label}: ${title}`);
  return made;
}

function explain(model, title, square, { p, distance }, { article, picture, text }) {
  const { facts } = model, found = decide(p, facts.decision);
  const share = percentage(found.calibrated), where = `where ${percentage(facts.decision.prevalence)} of images show a melanoma`;
  Object.assign(article.dataset, { p, ...found });
  const said = `${capital(found.band)}. Calibrated probability ${share}, ${where}. ${CALLED[found.decision]}`;
  text.append(make("p", capital(found.band), "answer"), gauge(found.calibrated, facts.decision, said), make("p", `${BANDS[found.band]} ${CALLED[found.decision]} The percentage holds ${where}. ${SCOPE}`, "quiet"));
  const details = make("details"), ask = button("Where the answer comes from", title);
  details.append(make("summary", "Numbers"), make("p", `Calibrated ${share}; as the model gives it ${p.toFixed(4)}; flagged from ${facts.decision.threshold.toFixed(4)} on, chosen on validation images to find ${(100 * facts.decision.sensitivity).toFixed(0)} % of their melanomas; distance from the training images ${distance.toFixed(2)}.`, "quiet"));
  ask.addEventListener("click", async () => {
    ask.disabled = true;
    const began = performance.now(), note = make("p", "", "quiet heat-note");
    try {
      const heat = await inTurn(() => heatMap(model, square));
      note.textContent = `${heat ? "Bright: covering it would lower the probability." : "No part lowers the probability where it alone is covered."} ${Math.round(performance.now() - began)} ms.`;
      heat?.setAttribute("role", "img");
      heat?.setAttribute("aria-label", `${title}: the parts on which the answer rests, bright`);
      picture.append(heat ?? "");
    } catch (error) {
      note.textContent = `This could not be computed: ${error.message}`;
    }
    note.tabIndex = -1;
    ask.replaceWith(note);
    note.focus(); // where the button was; read aloud
  });
  text.append(ask, details);
  return said;
}

async function judge(title, read, asked) {
  if (asked !== cleared) return; // before its results were cleared away
  say(`${title}: reading…`);
  try {
    const model = await loading, { frame } = model.facts, square = toSquare(await read(frame), frame.size);
    const [answer] = await model.answers([square]);
    if (asked !== cleared) return;
    say(`Done: ${title}. ${showAnswer(model, title, square, answer)}`); // read aloud
  } catch (error) {
    if (asked !== cleared) return;
    const { article, text } = card(title);
    article.dataset.error = error.message;
    text.append(make("p", error.message, "answer"));
    say(`${title}: ${error.message}`);
  }
}

let queue = Promise.resolve(); // the model is asked one thing at a time, in the order it was wanted
function inTurn(work) {
  const done = queue.then(work);
  queue = done.catch(() => {});
  return done;
}

let cleared = 0; // how often the results were cleared away

function accept(files) {
  const pictures = [...files];
  if (!pictures.length) return say("No picture was chosen.");
  const asked = cleared;
  for (const file of pictures.slice(0, MOST)) inTurn(() => judge(file.name, frame => readPicture(file, frame), asked));
  if (pictures.length > MOST) inTurn(() => say(`Only the first ${MOST} of ${pictures.length} pictures were read.`));
}

loading.then(
  ({ facts, device }) => {
    element("model").textContent = `Model: ${facts.student} on ${facts.data}, ${facts.classes.length} classes, on this device's ${device}. ${facts.licence}. Contract ${facts.schema_version}.`;
    say("Ready.");
  },
  error => say(`The model could not be loaded: ${error.message}`),
);

element("file").addEventListener("change", event => {
  accept(event.target.files);
  event.target.value = ""; // so that the same file can be chosen again
});

for (const example of document.querySelectorAll(".example"))
  example.addEventListener("click", async () => {
    const { file } = example.dataset;
    accept([new File([await (await fetch(file)).blob()], example.textContent, { type: "image/jpeg" })]);
  });

for (const kind of ["dragover", "dragleave", "drop"])
  document.addEventListener(kind, event => {
    event.preventDefault();
    document.body.classList.toggle("dropping", kind === "dragover");
    if (kind === "drop") accept(event.dataTransfer.files);
  });

const video = element("video");
element("open-camera").hidden = !navigator.mediaDevices?.getUserMedia; // absent without https
element("open-camera").addEventListener("click", async () => {
  try {
    await openCamera(video);
    element("camera").hidden = false;
    element("take").focus();
  } catch (error) {
    say(`The camera cannot be used: ${error.message}`);
  }
});
element("close-camera").addEventListener("click", () => {
  closeCamera(video);
  element("camera").hidden = true;
  element("open-camera").focus();
});
let taken = 0;
element("take").addEventListener("click", () => {
  const image = takeSquare(video), title = `Picture ${++taken}`, asked = cleared;
  inTurn(() => judge(title, () => image, asked));
});

element("print").addEventListener("click", () => print());
element("clear").addEventListener("click", () => {
  cleared += 1;
  element("results").replaceChildren();
  element("actions").hidden = true;
  element("file").focus();
  say("Ready.");
});
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  element("printed").textContent = `Printed ${new Date().toLocaleString()}.`;
});

if ("serviceWorker" in navigator) navigator.serviceWorker.register("service_worker.js");
