"""Ask the exported student about altered images and about pictures that show no lesion.

    python -m stages.stress_test

Reads data/processed/<name>: pack, train.csv and val.csv (which only say what is in neither: no label is read);
models/<name>/onnx/student_int8.onnx. Writes models/<name>/predictions/stress: altered.csv (the images of neither
split, each alteration at five strengths, and as they are: "none", 0) and pictures.csv, with p_melanoma and distance.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pandas as pd

from stages.dataset.pack import Pack, open_pack
from stages.dataset.predictions import DIGITS, scored_ids
from stages.dataset.splits import read_split
from stages.deployment.metadata import KEY, read_metadata
from stages.deployment.session import open_session, score_pixels
from stages.foundation import command
from stages.foundation.files import write_csv, writing
from stages.foundation.params import read_params
from stages.foundation.probability import class_probability
from stages.foundation.progress import track
from stages.foundation.settings import Data, Threads
from stages.stress.alterations import ALTERATIONS, STRENGTHS, UNALTERED, alter
from stages.stress.pictures import pictures
from stages.stress.settings import Stress


@dataclass(frozen=True)
class Params:
    data: Data
    stress: Stress
    compute: Threads


@dataclass(frozen=True)
class Asked:
    """A deployed file that answers about pixels, uint8 (images, size, size, 3)."""

    session: ort.InferenceSession
    melanoma: int

    def answers(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Return p_melanoma, float64 (images,), and distance, float32 (images,)."""
        logits, distance = score_pixels(self.session, pixels, np.arange(len(pixels)))
        return {"p_melanoma": class_probability(logits, self.melanoma), "distance": distance}


def open_asked(path: Path, threads: int) -> Asked:
    """Return a file of quantize, ready to answer."""
    session = open_session(path, threads=threads)
    metadata = read_metadata(session.get_modelmeta().custom_metadata_map.get(KEY), str(path))
    return Asked(session, metadata.classes.index(metadata.melanoma))


def altered_table(asked: Asked, pack: Pack, image_ids: list[str], seed: int) -> pd.DataFrame:
    """Return the answers about each image as it is and altered, a row each."""
    pixels = pack.pixels[pack.rows(image_ids)]
    kinds = [UNALTERED, *((name, strength) for name in ALTERATIONS for strength in STRENGTHS)]
    tables = []
    for alteration, strength in track(kinds, len(kinds), "alterations"):
        if strength:
            # The same for all strengths of an alteration: a stronger one covers what a weaker one does.
            draws = [np.random.default_rng([seed, zlib.crc32(f"{name} {alteration}".encode())]) for name in image_ids]
            shown = np.stack([alter(image, alteration, strength, rng) for image, rng in zip(pixels, draws, strict=True)])
        else:
            shown = pixels
        answers = asked.answers(shown)
        tables.append(pd.DataFrame({"image_id": image_ids, "alteration": alteration, "strength": strength, **answers}))
    return pd.concat(tables, ignore_index=True)


def picture_table(asked: Asked, size: int, seed: int) -> pd.DataFrame:
    """Return the answers about the pictures that show no lesion, a row each."""
    shown = pictures(size, seed)
    names = {"picture": [picture.name for picture in shown], "kind": [picture.kind for picture in shown]}
    return pd.DataFrame({**names, **asked.answers(np.stack([picture.pixels for picture in shown]))})


def main() -> None:
    params = read_params(Params)
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    pack = open_pack(processed / "pack")
    known = [name for split in ("train", "val") for name in read_split(processed / f"{split}.csv")["image_id"]]
    image_ids, seed = scored_ids(pack, known), params.stress.seed
    pack.verify(pack.rows(image_ids))
    asked = open_asked(models / "onnx/student_int8.onnx", params.compute.threads)
    tables = {
        "altered": altered_table(asked, pack, image_ids, seed),
        "pictures": picture_table(asked, pack.size, seed),
    }
    with writing(models / "predictions/stress") as (folder,):
        folder.mkdir(parents=True)
        for name, table in tables.items():
            write_csv(folder / f"{name}.csv", table, digits=DIGITS)


if __name__ == "__main__":
    command.run(main)
