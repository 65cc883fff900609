"""Baselines: what is written is what was scored, twice the same, and only what was asked for."""

import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import ROOT, write_params

from stages import baselines
from stages.deployment.session import open_session
from stages.foundation.pack import open_pack

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


def test_a_killed_stage_leaves_no_worker(tmp_path):
    """A pool's processes wait for work for ever when the one that started them cannot end them."""
    program = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from stages.foundation.command import end_with
with ProcessPoolExecutor(2, initializer=end_with, initargs=(os.getpid(),)) as pool:
    list(pool.map(time.sleep, [120, 120]))
"""
    (tmp_path / "program.py").write_text(program)
    process = subprocess.Popen([sys.executable, tmp_path / "program.py"], env=os.environ | {"PYTHONPATH": str(ROOT)})
    stage, deadline = psutil.Process(process.pid), time.monotonic() + 60
    while len(workers := stage.children()) < 2 or not all(worker.num_threads() > 1 for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    _, alive = psutil.wait_procs(workers, timeout=30)
    process.wait()
    assert not alive


def test_the_svms_probabilities_are_fitted_to_lesions_it_has_not_seen():
    folds = np.array([0, 0, 1, 1, 2])
    splits = baselines.classifier("svm_rbf", folds, 0, 1)[-1].cv.split()
    assert [list(unseen) for _, unseen in splits] == [[0, 1], [2, 3], [4]]


def test_the_released_student_is_asked_as_it_is(tiny, monkeypatch):
    write_params(tiny, baselines={"models": ["logistic_regression", "released"]})
    with pytest.raises(ValueError, match=r"baselines.models: released: student_int8.onnx takes 224 pixels"):
        baselines.main()
    monkeypatch.setattr(baselines, "FILE", tiny / "models/demo/onnx/student_int8.onnx")
    baselines.main()
    folder = tiny / "models/demo/predictions"
    released, own = (pd.read_csv(folder / name) for name in ("baselines/released.csv", "onnx/student_int8.csv"))
    joined = released.merge(own, on="image_id", suffixes=("", "_own"))
    assert len(joined) == len(own)
    assert joined["p_melanoma"].to_numpy() == pytest.approx(joined["p_melanoma_own"].to_numpy(), abs=1e-5)
