"""The synthetic archive: lesions with HAM10000's proportions, written in its layout."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stages.foundation.files import write_text
from stages.foundation.progress import track
from stages.foundation.splits import COLUMNS, METADATA, SOURCE
from stages.pictures.settings import SHOTS, Demo
from stages.pictures.synthesis import Lesion, render

PARTS = ("HAM10000_images_part_1", "HAM10000_images_part_2")  # as Kaggle's release
OTHERS = {
    "nv": 6705,
    "bkl": 1099,
    "bcc": 514,
    "akiec": 327,
    "vasc": 142,
    "df": 115,
}  # images of each diagnosis in HAM10000
SITES = ["back", "lower extremity", "trunk", "upper extremity", "abdomen", "face", "chest", "unknown"]


def draw_lesion(number: int, demo: Demo) -> tuple[Lesion, dict[str, str], int]:
    """Return a lesion, its metadata without the image_id, its camera among them, and how many images it has.

    The latent malignancy is N(separation, 1) for melanoma and N(0, 1) for others, which overlap: a reader of it
    reaches a ROC-AUC of Phi(separation / sqrt 2) at best.
    """
    rng = np.random.default_rng([demo.seed, number])  # NumPy drops zeros at the end: `render` takes other numbers
    camera = list(demo.cameras)[rng.integers(len(demo.cameras))]
    share = np.array(list(OTHERS.values())) / sum(OTHERS.values())
    melanoma = rng.uniform() < demo.cameras[camera]
    dx = "mel" if melanoma else str(rng.choice(list(OTHERS), p=share))
    malignancy = rng.normal(demo.separation if melanoma else 0.0, 1.0)
    age = "" if rng.uniform() < 0.02 else f"{5 * round(np.clip(rng.normal(60 if melanoma else 50, 15), 5, 85) / 5):.1f}"
    row = {
        "lesion_id": f"HAM_{number:07d}",
        "dx": dx,
        "dx_type": "histo" if dx == "mel" or rng.uniform() < 0.4 else "follow_up",
        "age": age,
        "sex": str(rng.choice(["male", "female", "unknown"], p=[0.53, 0.45, 0.02])),
        "localization": str(rng.choice(SITES)),
        SOURCE: camera,
    }
    return Lesion(dx, malignancy, (demo.seed, number), camera), row, 1 + int(rng.choice(len(SHOTS), p=SHOTS))


def draw_archive(folder: Path, demo: Demo) -> pd.DataFrame:
    """Write all images, each taken by its lesion's camera, and HAM10000's table below `folder`; return the table."""
    rows: list[dict[str, str]] = []
    for part in PARTS:
        (folder / part).mkdir(parents=True)
    for number in track(range(demo.lesions), demo.lesions, "lesions"):
        lesion, row, shots = draw_lesion(number, demo)
        for shot in range(shots):
            image_id = f"ISIC_{9_000_000 + len(rows):07d}"  # outside HAM10000's range of ids
            part = PARTS[0] if number < demo.lesions / 2 else PARTS[1]
            picture = render(lesion, shot, width=demo.width, height=demo.height)
            Image.fromarray(picture).save(folder / part / f"{image_id}.jpg", quality=90)
            rows.append(row | {"image_id": image_id})
    table = pd.DataFrame(rows)[[*COLUMNS, SOURCE]]
    write_text(folder / METADATA, table.to_csv(index=False, lineterminator="\n"))
    return table
