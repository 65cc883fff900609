"""Another clinic's archive: other lesions by another camera, that `validate` reads."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages.commands.main import main as melanoma_kd
from stages.foundation import command
from stages.foundation.splits import METADATA
from tools import draw_archive


def mean_colour(folder):
    pictures = [np.asarray(Image.open(path), float).reshape(-1, 3).mean(0) for path in sorted(folder.rglob("*.jpg"))]
    return np.mean(pictures, axis=0)


def test_another_camera_sees_the_same_lesions_cooler(tiny):
    for camera in ("standard", "other"):
        command.call(draw_archive, [camera, "--lesions", "20", "--camera", camera], prog="draw_archive")
    tables = [(tiny / camera / METADATA).read_text() for camera in ("standard", "other")]
    assert tables[0].replace(",standard", ",other") == tables[1]
    standard, other = mean_colour(tiny / "standard"), mean_colour(tiny / "other")
    assert other[2] / other[0] > 1.1 * standard[2] / standard[0]


def test_its_lesions_are_not_the_demos(tiny):
    command.call(draw_archive, ["clinic", "--lesions", "20"], prog="draw_archive")
    drawn = {path.read_bytes() for path in (tiny / "clinic").rglob("*.jpg")}
    assert not drawn & {path.read_bytes() for path in (tiny / "data/raw/demo").rglob("*.jpg")}


def test_validate_measures_a_file_on_it(tiny):
    command.call(draw_archive, ["clinic", "--lesions", "60"], prog="draw_archive")
    melanoma_kd(["validate", "clinic", "--model", "models/demo/onnx/student_int8.onnx", "--threads", "1"])
    table = pd.read_csv(tiny / "clinic" / METADATA)
    assert len(pd.read_csv(tiny / "build/validation/clinic/predictions.csv")) == len(table)


def test_what_is_there_is_left_alone(tiny):
    with pytest.raises(SystemExit, match="data is there already"):
        command.call(draw_archive, ["data"], prog="draw_archive")


def test_a_wrong_number_of_lesions_is_one_line(tiny):
    with pytest.raises(SystemExit) as raised:
        command.call(draw_archive, ["clinic", "--lesions", "3"], prog="draw_archive")
    assert raised.value.code == ("draw_archive: options: lesions: Input should be greater than or equal to 20, found 3")
    assert not (tiny / "clinic").exists()
