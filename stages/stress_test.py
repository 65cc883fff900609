"""Ask the exported student, and others, about altered images, and it about pictures that show no real lesion.

    python -m stages.stress_test

Of train.csv and val.csv it reads only which images are in neither, no label. altered.csv holds these, each alteration
at five strengths, and as they are ("none", 0); compared.csv what others say of some of them (`stress.compared`);
skin.csv the typology angle of those whose skin can be seen.
"""

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stages.deployment.deployed import Deployed, open_deployed
from stages.foundation import command
from stages.foundation.files import write_csv, writing
from stages.foundation.names import CONTROL, STUDENT, parse_teacher
from stages.foundation.pack import Pack, open_pack
from stages.foundation.params import read_params
from stages.foundation.predictions import DIGITS, scored_ids
from stages.foundation.probability import class_probability, mean_probability
from stages.foundation.progress import track
from stages.foundation.settings import Data, Distilling, Threads
from stages.foundation.splits import MELANOMA, read_split
from stages.networks.device import Device
from stages.networks.models import Classifier, load_weights
from stages.networks.scoring import score_images
from stages.pictures.alterations import CASES, COMPARED, alter
from stages.pictures.settings import Stress
from stages.pictures.skin import typology_angle
from stages.pictures.unfamiliar import pictures


@dataclass(frozen=True)
class Params:
    data: Data
    kd: Distilling
    stress: Stress
    compute: Threads


Ask = Callable[[np.ndarray], np.ndarray]  # pixels, uint8 (images, size, size, 3), to p of melanoma


def altered_tables(
    student: Deployed, others: dict[str, Ask], pack: Pack, image_ids: list[str], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the student's answers about each image as it is and altered, a row each, and others' of the COMPARED."""
    pixels = pack.pixels[pack.rows(image_ids)]
    own, compared = [], []
    for alteration, strength in track(CASES, len(CASES), "alterations"):
        if strength:
            # The same for all strengths of an alteration: a stronger one covers what a weaker one does.
            draws = [np.random.default_rng([seed, zlib.crc32(f"{name} {alteration}".encode())]) for name in image_ids]
            images = np.stack(
                [alter(image, alteration, strength, rng) for image, rng in zip(pixels, draws, strict=True)]
            )
        else:
            images = pixels
        case = {"image_id": image_ids, "alteration": alteration, "strength": strength}
        own.append(pd.DataFrame({**case, **vars(student.answers(images))}))
        if (alteration, strength) in COMPARED:
            compared.append(pd.DataFrame({**case, **{name: ask(images) for name, ask in others.items()}}))
    return pd.concat(own, ignore_index=True), pd.concat(compared, ignore_index=True)


def open_compared(params: Params, models: Path, pack: Pack) -> dict[str, Ask]:
    """Return those that stress.compared names; of several networks the mean log odds answer."""
    device = Device(torch.device("cpu"), mixed=False)
    torch.set_num_threads(params.compute.threads)
    architectures = {  # of each: its weights, without their ending, and what they are of
        "control": {f"students/{CONTROL}": STUDENT},
        "teachers": {f"teachers/{key}": parse_teacher(key).architecture for key in params.kd.teachers},
    }

    def ask(networks: list[Classifier], pixels: np.ndarray) -> np.ndarray:
        altered, rows = replace(pack, pixels=pixels), np.arange(len(pixels))
        logits = [score_images(network, altered, rows, device) for network in networks]
        places = [network.classes.index(MELANOMA) for network in networks]
        return mean_probability([class_probability(*values) for values in zip(logits, places, strict=True)])

    asked: dict[str, Ask] = {}
    for name in params.stress.compared:
        weights = {models / f"{path}.safetensors": of for path, of in architectures[name].items()}
        networks = [load_weights(path, architecture=of) for path, of in weights.items()]
        asked[name] = functools.partial(ask, networks)
    return asked


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
    altered, compared = altered_tables(student, open_compared(params, models, pack), pack, image_ids, seed)
    tables = {
        "altered": altered,
        "compared": compared,
        "pictures": picture_table(student, pack.size, seed),
        "skin": skin_table(pack, image_ids),
    }
    with writing(models / "predictions/stress") as (folder,):
        folder.mkdir(parents=True)
        for name, table in tables.items():
            write_csv(folder / f"{name}.csv", table, digits=DIGITS)


if __name__ == "__main__":
    command.run(main)
