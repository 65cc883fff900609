"""LiteRT and ExecuTorch: the same answers as ONNX; without their packages, a line that says what to install."""

import importlib.util
import json
import os

import pandas as pd
import pytest

from stages.commands.main import main as melanoma_kd
from stages.deployment.deployed import open_deployed

PACKAGES = {"litert": "litert_torch", "executorch": "executorch"}


def missing(name):
    return importlib.util.find_spec(PACKAGES[name]) is None


@pytest.mark.parametrize("name", PACKAGES)
def test_without_its_packages_it_says_what_to_install(tiny, name):
    if not missing(name):
        pytest.skip(f"{PACKAGES[name]} is installed here")
    with pytest.raises(SystemExit, match=rf"{PACKAGES[name]} is not installed; pip install '\.\["):
        melanoma_kd(["export_mobile", name])
    assert not (tiny / "build/mobile").exists()


@pytest.mark.parametrize("name", PACKAGES)
def test_the_file_answers_as_onnx_does(tiny, name):
    if missing(name):
        pytest.skip(f"needs {PACKAGES[name]}, an extra with an environment of its own")
    melanoma_kd(["export_mobile", name])
    table = pd.read_csv(tiny / f"metrics/demo/mobile_{name}.csv").set_index("method")
    assert table.loc[f"{name}_fp32", "largest_change"] < 1e-4
    assert table.loc[f"{name}_fp32", "val_ece"] == pytest.approx(table.loc["onnx_fp32", "val_ece"], abs=1e-4)
    assert (table["ms_1_thread"] > 0).all()
    beside = json.loads((tiny / f"build/mobile/demo/{name}/student_fp32.json").read_text())
    assert beside["decision"]["farthest"] > 0
    written = {path: path.stat().st_mtime_ns for path in (tiny / f"build/mobile/demo/{name}").iterdir()}
    melanoma_kd(["export_mobile", name, "--measure-only"])
    again = pd.read_csv(tiny / f"metrics/demo/mobile_{name}.csv").set_index("method")
    pd.testing.assert_frame_equal(again.drop(columns="ms_1_thread"), table.drop(columns="ms_1_thread"))
    assert {path: path.stat().st_mtime_ns for path in (tiny / f"build/mobile/demo/{name}").iterdir()} == written


def test_what_was_never_written_is_not_measured(tiny):
    with pytest.raises(SystemExit, match=r"litert/student_fp32.tflite: missing; melanoma-kd export_mobile writes it"):
        melanoma_kd(["export_mobile", "litert", "--measure-only"])


def test_weights_and_splits_that_the_onnx_files_were_not_made_of_are_refused(tiny):
    onnx = tiny / "models/demo/onnx/student_fp32.onnx"
    student = tiny / f"models/demo/students/{open_deployed(onnx, threads=1).metadata.student}.safetensors"
    cores, content = os.sched_getaffinity(0), student.read_bytes()
    student.write_bytes(content + b" ")
    with pytest.raises(SystemExit, match=rf"{student.name}: not what the ONNX files were made of; dvc repro quantize"):
        melanoma_kd(["export_mobile", "litert"])
    student.write_bytes(content)
    val = tiny / "data/processed/demo/val.csv"
    table, header = val.read_text(), len(val.read_text().splitlines()[0]) + 1
    val.write_text(table[:header] + "".join(table[header:].splitlines(keepends=True)[::-1]))  # as of another split
    with pytest.raises(SystemExit, match=r"val\.csv: not what the ONNX files were made of"):
        melanoma_kd(["export_mobile", "litert"])
    val.write_text(table)
    onnx.unlink()
    with pytest.raises(SystemExit, match=r"student_fp32.onnx: missing; dvc repro quantize"):
        melanoma_kd(["export_mobile", "litert"])
    assert os.sched_getaffinity(0) == cores


def test_litert_has_int8_weights_in_a_third_of_the_bytes(tiny):
    if missing("litert"):
        pytest.skip("needs litert_torch, an extra with an environment of its own")
    melanoma_kd(["export_mobile", "litert"])
    table = pd.read_csv(tiny / "metrics/demo/mobile_litert.csv").set_index("method")
    assert table.loc["litert_int8", "megabytes"] < 1.75 < table.loc["litert_fp32", "megabytes"] / 3
    assert 0 < table.loc["litert_int8", "largest_change"] < 0.1


def test_predict_answers_with_a_litert_file(tiny, capsys):
    if missing("litert"):
        pytest.skip("needs litert_torch, an extra with an environment of its own")
    melanoma_kd(["export_mobile", "litert"])
    images = [str(path) for path in sorted((tiny / "data/raw/demo").rglob("*.jpg"))[:3]]
    capsys.readouterr()
    answers = []
    for model in ("build/mobile/demo/litert/student_fp32.tflite", "models/demo/onnx/student_fp32.onnx"):
        melanoma_kd(["predict", *images, "--format", "json", "--show-refused", "--model", model])
        answers.append([json.loads(line)["p_melanoma"] for line in capsys.readouterr().out.splitlines()])
    assert answers[0] == pytest.approx(answers[1], abs=1e-4)


def test_a_litert_file_without_its_own_json_is_refused(tiny):
    (tiny / "student.tflite").write_bytes(b"TFL3")
    with pytest.raises(ValueError, match=r"student.tflite: wanted its metadata beside it, in student.json"):
        open_deployed(tiny / "student.tflite", threads=1)
    metadata = open_deployed(tiny / "models/demo/onnx/student_int8.onnx", threads=1).metadata
    (tiny / "student.json").write_text(metadata.model_dump_json())
    with pytest.raises(ValueError, match=r"student.json: the metadata of another file than student.tflite"):
        open_deployed(tiny / "student.tflite", threads=1)
