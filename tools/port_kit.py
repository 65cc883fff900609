"""Write what a port of the released student to another language tests itself with: models/released/port_kit.

    python -m tools.port_kit

Three pictures that are free to ship, drawn by the pipeline and chosen so that one is flagged, one not, and one refused;
their pixels as the model takes them; kit.json, what the released file says of each. They mean nothing clinically.
Also metrics/<data>/ports.csv, what each of our own ports says of them, where it can be asked: LiteRT wants the extra
`edge`, the page Chromium.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stages.commands.answering import Answer
from stages.commands.predict import REFUSED, row_of
from stages.deployment.decision import FLAGGED, NOT_FLAGGED
from stages.deployment.deployed import Deployed, open_deployed, score_pixels
from stages.deployment.metadata import RELEASED
from stages.foundation import command
from stages.foundation.files import sha256_file, write_csv, write_json, writing
from stages.foundation.names import LOGITS
from stages.images.decoding import load_rgb, to_square
from stages.images.settings import Limits
from stages.pictures.synthesis import Lesion, render
from tools.ports import compare

KIT = RELEASED.parent / "port_kit"
SIDES = {"width": 400, "height": 300}  # pixels
PICTURES = {  # found by trying some hundred: what each is drawn as has nothing to do with what is said of it
    "flagged": Lesion("vasc", 2, (5, 50), "other"),
    "not_flagged": Lesion("nv", -1, (5, 15), "standard"),
    "refused": Lesion("mel", 3, (5, 1), "standard"),
}
USE = [
    "prepared: RGB bytes of the square; divided by 255, channels first, they are the model's input `image`",
    "logits, distance and p of prepared agree to 0.001; calibrated to 0.001; refused, decision and band are equal",
    "picture, prepared by the port itself: bytes differ by 3 at most, and p by 0.02",
    "refused first: decision and band are then not shown; threshold and band are of p, calibrated is the number shown",
]


def answer(student: Deployed, picture: Path, prepared: Path) -> dict[str, object]:
    """Return what a student says of a picture, whose prepared pixels are written."""
    limits = student.metadata.frame.model_dump()
    pixels = to_square(load_rgb(picture, Limits(**{k: v for k, v in limits.items() if k != "size"})), limits["size"])
    Image.fromarray(pixels).save(prepared)
    logits = score_pixels(student.run, pixels[None], np.arange(1))[LOGITS][0]
    answers, decision = student.answers(pixels[None]), student.metadata.decision
    said = Answer(picture.name, float(answers.p_melanoma[0]), float(answers.distance[0]))
    row, shown = (row_of(said, decision, show_refused=anyhow) for anyhow in (False, True))
    return {
        "picture": picture.name,
        "prepared": prepared.name,
        "logits": [round(float(value), 6) for value in logits],
        "distance": round(float(answers.distance[0]), 6),
        "p": round(float(answers.p_melanoma[0]), 6),
        "refused": row.decision == REFUSED,
        "calibrated": round(float(shown.calibrated or 0), 6),
        "decision": FLAGGED if decision.called(answers.p_melanoma)[0] else NOT_FLAGGED,
        "band": shown.band,
    }


def add_arguments(_: argparse.ArgumentParser) -> None:
    """There are none."""


def main(_: argparse.Namespace) -> None:
    student = open_deployed(RELEASED, threads=1)
    with writing(KIT) as (folder,):
        folder.mkdir()
        cases = []
        for name, lesion in PICTURES.items():
            picture = folder / f"{name}.jpg"
            Image.fromarray(render(lesion, 0, **SIDES)).save(picture, quality=90)
            cases.append(answer(student, picture, folder / f"{name}.prepared.png"))
        kit: dict[str, Any] = {"model": RELEASED.name, "sha256": sha256_file(RELEASED)}
        kit |= {
            "classes": student.metadata.classes,
            "decision": student.metadata.decision.model_dump(),
            "use": USE,
            "cases": cases,
        }
        write_json(folder / "kit.json", kit)
    with writing(Path("metrics", student.metadata.data, "ports.csv")) as (table,):
        write_csv(table, compare(KIT))


if __name__ == "__main__":
    command.call(sys.modules[__name__], prog="port_kit")
