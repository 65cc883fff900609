// The eval transform of stages/images/decoding.py: the whole image squashed to a square by Pillow's antialiased
// bilinear filter (a triangle as wide as the reduction), 8 bits after each of two passes as Pillow rounds them.

const BITS = 22; // Pillow's fixed-point precision: 32 - 8 - 2

function taps(from, to) {
  const scale = from / to, support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.floor(centre - support + 0.5));
    const end = Math.min(from, Math.floor(centre + support + 0.5));
    const weights = [];
    for (let x = start; x < end; x++) weights.push(Math.max(0, 1 - Math.abs((x - centre + 0.5) / support)));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { start, weights: weights.map(w => Math.round((w / sum) * 2 ** BITS)) };
  });
}

const clip = sum => Math.min(255, Math.max(0, Math.floor((sum + 2 ** (BITS - 1)) / 2 ** BITS)));

// {data: RGBA bytes, width, height} -> RGB bytes (size, size, 3)
export function toSquare({ data, width, height }, size) {
  const across = taps(width, size), down = taps(height, size);
  const rows = new Uint8ClampedArray(height * size * 3), square = new Uint8ClampedArray(size * size * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < size; x++) {
      const { start, weights } = across[x];
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += data[4 * (y * width + start + k) + c] * weights[k];
        rows[3 * (y * size + x) + c] = clip(sum);
      }
    }
  for (let y = 0; y < size; y++) {
    const { start, weights } = down[y];
    for (let x = 0; x < 3 * size; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += rows[(start + k) * 3 * size + x] * weights[k];
      square[3 * y * size + x] = clip(sum);
    }
  }
  return square;
}
