"""The stage: the images of neither train nor val, as the exported student is asked about them."""

import pandas as pd
import pytest

from stages import stress_test


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


def test_it_repeats_itself(tiny):
    folder = tiny / "models/demo/predictions/stress"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    stress_test.main()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
