"""The stage: the images of neither train nor val, as the exported student is asked about them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stages import stress_test
from stages.foundation.pack import open_pack
from stages.foundation.params import read_params
from stages.foundation.predictions import read_predictions
from stages.pictures.alterations import COMPARED


def test_it_asks_about_the_images_of_neither_split(tiny):
    altered = pd.read_csv(tiny / "models/demo/predictions/stress/altered.csv", dtype={"image_id": str})
    holdout = pd.read_csv(tiny / "data/processed/demo/holdout.csv")
    for _, group in altered.groupby(["alteration", "strength"]):
        assert sorted(group["image_id"]) == sorted(holdout["image_id"])


def test_unaltered_images_get_the_frozen_probabilities(tiny):
    altered = pd.read_csv(tiny / "models/demo/predictions/stress/altered.csv", dtype={"image_id": str})
    frozen = pd.read_csv(tiny / "models/demo/predictions/onnx/student_int8.csv").set_index("image_id")["p_melanoma"]
    unaltered = altered.query("alteration == 'none'").set_index("image_id")
    assert unaltered["p_melanoma"].to_numpy() == pytest.approx(frozen[unaltered.index].to_numpy(), abs=1e-6)


def test_others_are_asked_about_the_same_pixels(tiny):
    compared = pd.read_csv(tiny / "models/demo/predictions/stress/compared.csv", dtype={"image_id": str})
    assert list(compared)[3:] == ["control"]
    assert set(zip(compared["alteration"], compared["strength"], strict=True)) == COMPARED
    params = read_params(stress_test.Params)
    params = replace(params, stress=params.stress.model_copy(update={"compared": ["control", "teachers"]}))
    pack = open_pack(tiny / "data/processed/demo/pack")
    ids = list(dict.fromkeys(compared["image_id"]))
    asked = stress_test.open_compared(params, tiny / "models/demo", pack)
    folder = tiny / "models/demo/predictions"
    (teacher,) = params.kd.teachers
    for name, key in {"control": "students/T1_alpha0", "teachers": f"teachers/{teacher}"}.items():
        frozen = read_predictions(folder / key / "predictions.csv", ids)
        assert asked[name](pack.pixels[pack.rows(ids)]) == pytest.approx(frozen, abs=1e-6)


def test_it_repeats_itself(tiny):
    folder = tiny / "models/demo/predictions/stress"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    stress_test.main()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_image_with_a_dark_frame_has_no_row_of_skin(tiny):
    pack = open_pack(tiny / "data/processed/demo/pack")
    pixels = np.array(pack.pixels)
    pixels[0] = 0
    dark, light = pack.image_ids[0], pack.image_ids[1]
    table = stress_test.skin_table(replace(pack, pixels=pixels), [dark, light])
    assert table["image_id"].tolist() == [light]
