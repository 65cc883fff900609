// From a file to pixels, with the limits of the model's metadata; what is wrong is said in words.

import { headerSize } from "./header.js";

const MEGABYTES = 30; // larger files are refused before they are read
const HEADER_BYTES = 1 << 20;

function check(frame, { width, height }) {
  const short = Math.min(width, height), long = Math.max(width, height);
  if (short < frame.min_side) throw new Error(`The picture is too small: ${frame.min_side} pixels a side are needed.`);
  if (long > frame.max_aspect * short) throw new Error("The picture is too long and narrow.");
  if (short * long > frame.max_megapixels * 1e6) throw new Error(`The picture has more than ${frame.max_megapixels} megapixels.`);
}

export async function readPicture(file, frame) {
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

// RGB bytes of a square -> a canvas that shows it
export function canvasOf(square, size, label) {
  const canvas = document.createElement("canvas"), pixels = new ImageData(size, size);
  canvas.width = canvas.height = size;
  for (let i = 0; i < size * size; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = square[3 * i + c];
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  return canvas;
}
