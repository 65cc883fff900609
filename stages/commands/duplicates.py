"""Images of two splits that seem to show one lesion, which has two ids: near-duplicates.

Phase correlation (Kuglin & Hines 1975) of the images' fine detail: it finds a lesion that was moved in the picture,
compressed or lit otherwise, not one that was turned. Whether what it lists is one lesion, an eye must say.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy import fft
from scipy.ndimage import gaussian_filter

from stages.commands.state import Finding
from stages.foundation.pack import open_pack
from stages.foundation.progress import track
from stages.foundation.splits import SPLITS, read_split

# Of the correlation's peak, up to 1. The five pairs known in HAM10000 have .54 to .78 and, at FINE pixels, .56 to .83;
# those most alike by chance have .51 at FINE pixels.
COARSE, ALIKE = 32, 0.5  # pixels a side at which all pairs are compared
FINE, SURE = 128, 0.53  # and at which the candidates are
BEYOND, RANK = 0.05, 20  # a candidate is so much more alike than the image's twentieth: else a kind of picture
LISTED = 20


def details(pixels: np.ndarray, rows: Iterable[int], side: int) -> np.ndarray:
    """Return the spectra of the images' fine detail, complex64 (images, side, side // 2 + 1), each of norm 1.

    pixels: uint8 (all images, size, size, 3), of which one row at a time is read.
    """
    box, scale = Image.Resampling.BOX, max(0.7, side / 64)
    grey = [np.asarray(Image.fromarray(pixels[row]).convert("L").resize((side, side), box)) for row in rows]
    light = np.stack(grey).astype(np.float32)
    fine = gaussian_filter(light, (0, 0.35 * scale, 0.35 * scale)) - gaussian_filter(light, (0, scale, scale))
    fine /= np.sqrt(gaussian_filter(fine**2, (0, 3 * scale, 3 * scale))) + 2  # as strong everywhere, but for noise
    window = np.hanning(side + 2)[1:-1].astype(np.float32)
    fine *= window[:, None] * window
    fine -= fine.mean(axis=(1, 2), keepdims=True)
    norm = np.sqrt((fine**2).sum(axis=(1, 2), keepdims=True))
    return np.asarray(fft.rfft2(fine / np.maximum(norm, 1e-6)))


def peaks(spectrum: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how alike an image is to others, wherever it lies in them, up to 1: (images,)."""
    side = spectrum.shape[0]
    return np.asarray(fft.irfft2(np.conj(spectrum) * others, s=(side, side)).reshape(len(others), -1).max(axis=1))


def lookalikes(images: pd.DataFrame, pixels: np.ndarray) -> pd.DataFrame:
    """Return pairs that look alike, the likest first: alike, image_id, lesion_id and split of one and other_ of both.

    images: image_id, lesion_id, split and row in the pixels, uint8 (all images, size, size, 3). A pair is of two splits
    and two lesions; each such pair of lesions comes once.
    """
    splits, lesions = images["split"].to_numpy(), images["lesion_id"].to_numpy()
    rows = images["row"].to_numpy()
    spectra, pairs = details(pixels, rows, COARSE), []
    later = np.flatnonzero(splits != SPLITS[0])
    for row in track(later, len(later), "images compared"):
        others = np.flatnonzero(np.isin(splits, SPLITS[: SPLITS.index(splits[row])]) & (lesions != lesions[row]))
        alike = peaks(spectra[row], spectra[others])
        common = np.sort(alike)[-RANK] if len(alike) >= RANK else 0.0
        candidates = others[alike > max(ALIKE, common + BEYOND)]
        if len(candidates):
            fine = details(pixels, rows[[row, *candidates]], min(FINE, pixels.shape[1]))
            pairs += [(sure, row, other) for sure, other in zip(peaks(fine[0], fine[1:]), candidates, strict=True)]
    found = sorted((pair for pair in pairs if pair[0] > SURE), reverse=True)
    table = pd.DataFrame(found, columns=["alike", "row", "other"])
    for name in ("image_id", "lesion_id", "split"):
        table[name], table[f"other_{name}"] = (images[name].to_numpy()[table[end]] for end in ("row", "other"))
    return table.drop_duplicates(["lesion_id", "other_lesion_id"]).drop(columns=["row", "other"])


def near_duplicates(processed: Path) -> Iterator[Finding]:
    """Yield the likest pairs of a prepared archive, data/processed/<name>, none of which is a fault."""
    images = pd.concat([read_split(processed / f"{name}.csv").assign(split=name) for name in SPLITS])
    pack = open_pack(processed / "pack")
    images["row"] = pack.rows(list(images["image_id"]))
    table = lookalikes(images.reset_index(drop=True), pack.pixels)
    for pair in table.head(LISTED).itertuples():
        what = f"{pair.alike:.2f}  {pair.image_id} of {pair.split} ({pair.lesion_id})"
        yield Finding(what, f"{pair.other_image_id} of {pair.other_split} ({pair.other_lesion_id})", fault=False)
    if len(table) > LISTED:
        yield Finding(f"{len(table) - LISTED} pairs more, less alike", "look at these first", fault=False)
