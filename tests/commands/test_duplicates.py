"""Near-duplicates: a lesion photographed again is found across splits, and others are not."""

import io

import numpy as np
import pandas as pd
from PIL import Image

from stages.commands import doctor, duplicates
from stages.commands.duplicates import lookalikes
from stages.foundation import command
from stages.pictures.synthesis import Lesion, render

SPLITS = ["train"] * 20 + ["val"] * 3 + ["holdout"] * 4


def drawn(seed, size=160):
    return render(Lesion("nv", 0.5, (seed,)), 0, width=size, height=size)


def photographed_again(image):
    """Return it moved by 3 and 2 of its 160 pixels, brighter, and compressed."""
    moved = Image.fromarray(image[6:, 4:]).point(lambda value: min(255, value * 1.1))
    file = io.BytesIO()
    moved.resize((160, 160)).save(file, "JPEG", quality=70)
    return np.asarray(Image.open(file))


def test_a_lesion_photographed_again_is_found_across_splits_alone():
    pixels = [drawn(seed) for seed in range(len(SPLITS))]
    pixels[25] = photographed_again(pixels[4])  # the holdout's and train's
    pixels[6] = photographed_again(pixels[5])  # both train's
    pixels[24] = photographed_again(pixels[8])  # one lesion by its id, too
    images = pd.DataFrame({"image_id": [f"i{number}" for number in range(len(SPLITS))], "split": SPLITS})
    images["lesion_id"] = images["image_id"].replace({"i24": "i8"})
    images["row"] = range(len(SPLITS))
    found = lookalikes(images, np.stack(pixels))
    assert found[["image_id", "other_image_id"]].to_numpy().tolist() == [["i25", "i4"]]
    assert found["alike"].iloc[0] > 0.6
    assert found[["split", "other_split"]].to_numpy().tolist() == [["holdout", "train"]]


def test_doctor_lists_them_and_calls_none_a_fault(tiny, capsys, monkeypatch):
    sides = ("image_id", "lesion_id", "split")
    pair = {"alike": 0.7} | {f"{end}{name}": f"{end}{name}" for end in ("", "other_") for name in sides}
    monkeypatch.setattr(duplicates, "lookalikes", lambda *_: pd.DataFrame([pair] * 21))
    command.call(doctor, ["--duplicates"], prog="doctor")
    shown = capsys.readouterr().out
    assert "0.70  image_id of split (lesion_id)" in shown
    assert "1 pairs more, less alike" in shown
