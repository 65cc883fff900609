"""The benchmark measures what it says, joins it to the numbers of the evaluation, and is nobody's input."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT

from stages.commands.mobile import timing
from tools import benchmark
from tools.runtimes import onnx_megabytes

pytestmark = pytest.mark.slow


def others(folder):
    """Return the runtimes of the methods that were tried and not taken."""
    methods = pd.read_csv(folder / "metrics/demo/quantization.csv").query("chosen == 'no'")["method"]
    return [f"onnx {method}" for method in methods if method not in ("pytorch", "fp32")]


@pytest.fixture(scope="module")
def finished(finished, tmp_path_factory):
    """A copy, which the benchmark writes into."""
    return shutil.copytree(finished, tmp_path_factory.mktemp("benchmark") / "finished")


@pytest.fixture(scope="module")
def table(finished):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished)
        patch.setattr(benchmark, "ROUNDS", 3)
        patch.setattr(benchmark, "BATCH_ROUNDS", 1)
        benchmark.main()
    return pd.read_csv(finished / "metrics/demo/deployment.csv")


def test_every_teacher_and_student_has_its_cost(table, finished):
    assert set(table["model"]) == {"resnet18", "student_T1_alpha0.5"}
    rows = table.set_index(["model", "runtime"])
    student = rows.loc["student_T1_alpha0.5"]
    alone = "onnx fp32 without distance"
    assert list(student.index) == ["pytorch", "onnx fp32", "onnx int8", *others(finished), alone]
    assert 0 < student.loc["onnx fp32", "megabytes"] - student.loc[alone, "megabytes"] < 0.1  # what the distance adds
    assert student["parameters"].unique().tolist() == [1_525_031]  # MobileNetV3-Small with seven classes
    size = (finished / "models/demo/onnx/student_fp32.onnx").stat().st_size / 1e6
    assert student.loc["onnx fp32", "megabytes"] == pytest.approx(size, rel=1e-3)
    assert rows.loc[("resnet18", "pytorch"), "megabytes"] > 40
    assert float(rows.loc[("resnet18", "pytorch"), "peak_megabytes"]) > 40  # its weights alone are 45 MB


def test_times_are_times_and_ratios_are_theirs(table):
    for threads in ("1_thread", "all_threads"):
        assert (table[f"ms_p50_{threads}"] > 0).all()
        assert (table[f"ms_p95_{threads}"] >= table[f"ms_p50_{threads}"]).all()
        eager = table[table["runtime"] == "pytorch"]
        assert (eager[f"speedup_{threads}"] == 1).all()
        row = table.set_index(["model", "runtime"]).loc["student_T1_alpha0.5"]
        assert row.loc["onnx fp32", f"times_fp32_{threads}"] == 1
        ratio = row.loc["onnx fp32", f"speedup_{threads}"]
        assert row.loc["pytorch", f"times_fp32_{threads}"] == pytest.approx(ratio, rel=1e-3)
        assert ratio > 1 or threads == "all_threads"  # onnxruntime is the faster by far


def test_ratios_are_the_median_over_rounds():
    """The third round is a slow one; the int8 file is the slower of the two in one round of three."""
    alone = {"pytorch": [0.008, 0.008, 0.08], "onnx fp32": [0.002, 0.004, 0.02], "onnx int8": [0.001, 0.005, 0.01]}
    alone = {name: np.array(seconds) for name, seconds in alone.items()}
    batched = {"onnx int8": np.array([0.1, 0.2, 0.4])}
    expected = {"ms_p50": 5, "ms_p95": 9.5, "speedup": 8, "times_fp32": 0.5, "images_per_second": 160}
    assert benchmark.speed("onnx int8", alone, batched) == pytest.approx(expected)


def test_the_machine_stands_beside_it(table, finished):
    machine = json.loads((finished / "metrics/demo/machine.json").read_text())
    assert set(machine) >= {"processor", "instruction_set", "threads", "system", "torch", "onnxruntime"}


def test_nothing_that_must_be_reproducible_depends_on_it():
    assert not any(name in (ROOT / "dvc.yaml").read_text() for name in ("deployment.csv", "machine.json", "benchmark"))
    assert "benchmark" not in yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]


def test_all_take_turns(monkeypatch):
    order = []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: 0.5 * len(order))  # each run takes half a second
    runners = {name: lambda _, name=name: order.append(name) for name in "ab"}
    seconds = timing.interleaved(runners, np.zeros(1), rounds=2, warmup=1)
    assert order == list("aabbaabbaabb")  # a run to wake it, then the one that counts
    assert {name: values.tolist() for name, values in seconds.items()} == {"a": [0.5, 0.5], "b": [0.5, 0.5]}


def test_memory_is_that_of_the_model_and_its_run(finished):
    model = (finished / "models/demo/onnx/student_fp32.onnx").read_bytes()
    assert 1 < onnx_megabytes(model, 32) < 200  # a file of 6 MB, tensors of an image of 32 pixels
