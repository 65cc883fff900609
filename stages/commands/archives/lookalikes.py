"""Images of an archive that seem to show one lesion: the same picture in another size, crop or compression."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stages.commands.duplicates import ALIKE as COARSELY
from stages.commands.duplicates import COARSE, FINE, SURE, details, peaks
from stages.foundation.files import writing
from stages.foundation.progress import track
from stages.images.archive import ALIKE, PAIR
from stages.images.decoding import load_rgb
from stages.images.settings import Limits

SMALL = 16  # pixels a side, at which all pairs are compared
CORRELATED = 0.95  # of these pixels: a candidate. The same picture at another size or quality has .99
CANDIDATES = 20  # of one image, at most: more are a kind of picture
EMPTY = np.zeros((1, COARSE, COARSE, 3), np.uint8)
PART = 1024  # images whose thumbnails are kept together, so that what was interrupted goes on; and of one comparison


def thumbnails(files: list[Path], limits: Limits, kept: Path) -> tuple[np.ndarray, list[str]]:
    """Return every image as uint8 (images, COARSE, COARSE, 3), and what is wrong with its file, or "".

    Every file is decoded whole, so that a truncated one is found. kept: a folder of what an interrupted call decoded.
    """
    kept.mkdir(parents=True, exist_ok=True)
    pixels, errors = [EMPTY[:0]], list[str]()
    parts = [files[start : start + PART] for start in range(0, len(files), PART)]
    with ThreadPoolExecutor() as pool:
        for part in track(parts, len(parts), f"parts of {PART} images decoded"):
            done = kept / f"{_state(part)}.npy"
            if done.is_file():
                decoded = [(image[None], "") for image in np.load(done)]
            else:
                decoded = list(pool.map(lambda path: _small(path, limits), part))
            pixels += [image for image, _ in decoded]
            errors += [error for _, error in decoded]
            if not done.is_file() and not any(errors[-len(part) :]):
                with writing(done) as (partial,), partial.open("wb") as file:
                    np.save(file, np.concatenate(pixels[-len(part) :]))
    return np.concatenate(pixels), errors


def _state(files: list[Path]) -> str:
    """Return a hash of some files' names, sizes and times of change."""
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr([COARSE, stats]).encode()).hexdigest()[:16]


def _small(path: Path, limits: Limits) -> tuple[np.ndarray, str]:
    try:
        return np.asarray(load_rgb(path, limits).resize((COARSE, COARSE), Image.Resampling.BOX))[None], ""
    except (ValueError, OSError) as error:
        return EMPTY, str(error)


def candidates(small: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the pairs of images whose thumbnails correlate; memory is bounded by PART rows of all images."""
    blocks = small.reshape(len(small), SMALL, COARSE // SMALL, SMALL, COARSE // SMALL, 3)
    flat = blocks.mean(axis=(2, 4), dtype=np.float32).reshape(len(small), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    for start in range(0, len(flat), PART):
        similar = flat[start : start + PART] @ flat[start:].T
        for row, values in enumerate(similar):
            others = row + 1 + np.flatnonzero(values[row + 1 :] > CORRELATED)
            best = others[np.argsort(-values[others])][:CANDIDATES]
            yield from ((start + row, start + int(other)) for other in best)


def alike_pairs(images: pd.DataFrame, files: list[Path], small: np.ndarray, limits: Limits) -> pd.DataFrame:
    """Return pairs of images of several lesions that seem to show one: PAIR and alike, up to 1, the likest first.

    images: image_id and lesion_id of the files; small: their thumbnails. A candidate is confirmed by its fine detail.
    """
    lesions, names = images["lesion_id"].to_numpy(), images["image_id"].to_numpy()
    parts = np.array_split(small, -(-len(small) // PART))  # whose detail is computed with bounded memory
    spectra = np.concatenate([details(part, range(len(part)), COARSE) for part in parts])
    found = []
    pairs = [(row, other) for row, other in candidates(small) if lesions[row] != lesions[other]]
    for row, other in track(pairs, len(pairs), "pairs looked at"):
        if peaks(spectra[row], spectra[other : other + 1])[0] > COARSELY:
            fine = details(np.stack([_fine(files[index], limits) for index in (row, other)]), range(2), FINE)
            if (alike := float(peaks(fine[0], fine[1:])[0])) > SURE:
                found.append((names[row], names[other], alike))
    found.sort(key=lambda pair: (-pair[2], pair[0], pair[1]))
    return pd.DataFrame(found, columns=[*PAIR, Path(ALIKE).stem])


def _fine(path: Path, limits: Limits) -> np.ndarray:
    return np.asarray(load_rgb(path, limits).resize((FINE, FINE), Image.Resampling.BOX))
