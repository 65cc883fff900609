// Where the answer comes from: how the log odds fall when a part of the picture is covered with its mean colour.

const PARTS = 7; // along each side

const logOdds = p => Math.log(Math.max(1e-9, p) / Math.max(1e-9, 1 - p));

// A canvas to lay over the picture; bright: covering it makes melanoma less likely. null where no part does.
export async function heatMap(model, square) {
  const { size } = model.facts.frame, [{ p }] = await model.answers([square]);
  const mean = [0, 1, 2].map(c => square.reduce((sum, value, i) => (i % 3 === c ? sum + value : sum), 0) / (size * size));
  const edge = part => Math.round((part * size) / PARTS), covered = [];
  for (let row = 0; row < PARTS; row++)
    for (let column = 0; column < PARTS; column++) {
      const copy = square.slice();
      for (let y = edge(row); y < edge(row + 1); y++)
        for (let x = edge(column); x < edge(column + 1); x++) for (let c = 0; c < 3; c++) copy[3 * (y * size + x) + c] = mean[c];
      covered.push(copy);
    }
  const falls = (await model.answers(covered)).map(answer => Math.max(0, logOdds(p) - logOdds(answer.p)));
  const most = Math.max(...falls);
  if (most === 0) return null;
  const small = new OffscreenCanvas(PARTS, PARTS), pixels = new ImageData(PARTS, PARTS);
  falls.forEach((fall, i) => pixels.data.set([255, 200, 0, Math.round((200 * fall) / most)], 4 * i));
  small.getContext("2d").putImageData(pixels, 0, 0);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  canvas.className = "heat";
  canvas.getContext("2d").drawImage(small, 0, 0, size, size);
  return canvas;
}
