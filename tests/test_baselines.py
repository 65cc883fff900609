"""Baselines: what is written is what was scored, twice the same, and only what was asked for."""

import numpy as np
import pandas as pd
from conftest import write_params

from stages import baselines
from stages.dataset.pack import open_pack
from stages.deployment.session import open_session

MODELS = ["gradient_boosting", "logistic_regression", "random_forest", "svm_rbf"]


def test_predictions_are_those_of_the_written_models(tiny):
    models, processed = tiny / "models/demo", tiny / "data/processed/demo"
    features = np.load(models / "features.npy")
    pack = open_pack(processed / "pack")
    for name in MODELS:
        table = pd.read_csv(models / f"predictions/baselines/{name}.csv")
        session = open_session(models / f"baselines/{name}.onnx", threads=1)
        scored = session.run(None, {session.get_inputs()[0].name: features[pack.rows(list(table["image_id"]))]})[1]
        assert np.abs(scored[:, 1] - table["p_melanoma"]).max() < 1e-6
        assert table["p_melanoma"].nunique() > 3


def test_fitting_twice_gives_the_same_bytes(tiny):
    folder = tiny / "models/demo/baselines"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    baselines.main()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(before) == [f"{name}.onnx" for name in MODELS]


def test_a_quick_run_fits_what_is_asked_for(tiny):
    write_params(tiny, baselines={"models": ["logistic_regression"], "max_train": 20})
    baselines.main()
    assert [path.name for path in (tiny / "models/demo/baselines").iterdir()] == ["logistic_regression.onnx"]
