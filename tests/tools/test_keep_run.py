"""The record of a run: what it was made from, as it stood, and each stage's last duration."""

import pandas as pd
import pytest

from stages.evaluation.frozen import read_stress
from tools import keep_run
from tools.keep_run import lock_of


def test_a_run_is_kept_as_it_stands(tiny):
    project = tiny
    entry = "  {}:\n    cmd: {}\n    params:\n      params.yaml:\n        data.name: {}\n"
    kept = "schema: '2.0'\nstages:\n" + entry.format("quantize", "python -m stages.quantize", "demo")
    kept += entry.format("report", "python -m stages.report", "demo")
    (project / "dvc.lock").write_text(kept + entry.format("baselines", "python -m stages.baselines", "ham10000"))
    (project / "logs").mkdir(exist_ok=True)
    (project / "logs/seconds.csv").write_text("quantize,9.1\nquantize,3.5\ncut o")
    keep_run.main()
    folder = project / "metrics/demo/run"
    assert (folder / "params.yaml").read_bytes() == (project / "params.yaml").read_bytes()
    assert (folder / "dvc.lock").read_text() == kept  # as DVC writes it, without what ran on other data
    assert (folder / "seconds.csv").read_text() == "stage,seconds\nquantize,3.5\nreport,-\n"
    for kept, made in (("evaluation", "metrics/demo/evaluation"), ("curves", "plots/demo/data")):
        assert {path.name: path.read_bytes() for path in (folder / kept).iterdir()} == {
            path.name: path.read_bytes() for path in (project / made).iterdir()
        }
    assert (folder / "history/students/T1_alpha0.5.csv").is_file()
    assert (folder / "quantization.csv").is_file()
    made = read_stress(project / "models/demo/predictions/stress")
    kept = read_stress(folder / "stress")
    assert kept.keys() == made.keys()
    for name, before in made.items():
        pd.testing.assert_frame_equal(before, kept[name], rtol=1e-6)
        for column in before.columns.difference(["distance"]):
            assert before[column].tolist() == kept[name][column].tolist()


def test_the_stage_that_draws_the_demo_is_not_of_another_run():
    lock = {"schema": "2.0", "stages": {"synthesize_demo": {"cmd": "x"}, "pack_images": {"cmd": "y"}}}
    assert list(lock_of(lock, "demo")["stages"]) == ["synthesize_demo", "pack_images"]
    assert list(lock_of(lock, "ham10000")["stages"]) == ["pack_images"]


def test_without_a_lock_nothing_is_written(project):
    with pytest.raises(ValueError, match=r"dvc\.lock"):
        keep_run.main()
    assert not (project / "metrics").exists()
