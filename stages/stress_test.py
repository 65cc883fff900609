"""Ask the exported student about altered images and about pictures that show no real lesion.

    python -m stages.stress_test

Of train.csv and val.csv it reads only which images are in neither, no label. altered.csv holds these, each alteration
at five strengths, and as they are ("none", 0); skin.csv the typology angle of those whose skin can be seen.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stages.deployment.deployed import Deployed, open_deployed
from stages.foundation import command
from stages.foundation.files import write_csv, writing
from stages.foundation.pack import Pack, open_pack
from stages.foundation.params import read_params
from stages.foundation.predictions import DIGITS, scored_ids
from stages.foundation.progress import track
from stages.foundation.settings import Data, Threads
from stages.foundation.splits import read_split
from stages.pictures.alterations import CASES, alter
from stages.pictures.settings import Stress
from stages.pictures.skin import typology_angle
from stages.pictures.unfamiliar import pictures


@dataclass(frozen=True)
class Params:
    data: Data
    stress: Stress
    compute: Threads


def altered_table(student: Deployed, pack: Pack, image_ids: list[str], seed: int) -> pd.DataFrame:
    """Return the answers about each image as it is and altered, a row each."""
    pixels = pack.pixels[pack.rows(image_ids)]
    tables = []
    for alteration, strength in track(CASES, len(CASES), "alterations"):
        if strength:
            # The same for all strengths of an alteration: a stronger one covers what a weaker one does.
            draws = [np.random.default_rng([seed, zlib.crc32(f"{name} {alteration}".encode())]) for name in image_ids]
            images = np.stack(
                [alter(image, alteration, strength, rng) for image, rng in zip(pixels, draws, strict=True)]
            )
        else:
            images = pixels
        answers = vars(student.answers(images))
        tables.append(pd.DataFrame({"image_id": image_ids, "alteration": alteration, "strength": strength, **answers}))
    return pd.concat(tables, ignore_index=True)


def picture_table(student: Deployed, size: int, seed: int) -> pd.DataFrame:
    """Return the answers about the pictures that show no real lesion, a row each."""
    asked = pictures(size, seed)
    described = {
        "picture": [picture.name for picture in asked],
        "kind": [picture.kind for picture in asked],
        "source": [picture.source for picture in asked],
    }
    return pd.DataFrame({**described, **vars(student.answers(np.stack([picture.pixels for picture in asked])))})


def skin_table(pack: Pack, image_ids: list[str]) -> pd.DataFrame:
    """Return how light the skin in each image is, a row each; without those whose frame is dark."""
    angles = [typology_angle(image) for image in pack.pixels[pack.rows(image_ids)]]
    return pd.DataFrame({"image_id": image_ids, "typology_angle": angles}).dropna()


def main() -> None:
    params = read_params(Params)
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    pack = open_pack(processed / "pack")
    known = [name for split in ("train", "val") for name in read_split(processed / f"{split}.csv")["image_id"]]
    image_ids, seed = scored_ids(pack, known), params.stress.seed
    pack.verify(pack.rows(image_ids))
    student = open_deployed(models / "onnx/student_int8.onnx", params.compute.threads)
    tables = {
        "altered": altered_table(student, pack, image_ids, seed),
        "pictures": picture_table(student, pack.size, seed),
        "skin": skin_table(pack, image_ids),
    }
    with writing(models / "predictions/stress") as (folder,):
        folder.mkdir(parents=True)
        for name, table in tables.items():
            write_csv(folder / f"{name}.csv", table, digits=DIGITS)


if __name__ == "__main__":
    command.run(main)
