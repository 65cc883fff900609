"""What a clone has without training: the released student by name and version, and probabilities to compute from."""

import re
import runpy
import subprocess

import dvc.api
import pandas as pd
import pytest
from conftest import ROOT, copy_project


def test_the_released_student_is_had_by_name_and_version(tmp_path):
    (tmp_path / "repository").mkdir()
    repository = copy_project(tmp_path / "repository")
    (tmp_path / "app").mkdir()
    for argv, folder in (
        ("git config user.name t", repository),
        ("git config user.email t@t", repository),
        ("gto register student --version v1.0.0", repository),
        (f"dvc artifacts get {repository} student", tmp_path / "app"),
    ):
        subprocess.run(argv.split(), cwd=folder, check=True, capture_output=True)
    released = ROOT / "models/released/student_int8.onnx"
    assert (tmp_path / "app/student_int8.onnx").read_bytes() == released.read_bytes()
    shown = dvc.api.artifacts_show("student", version="v1.0.0", repo=str(repository))
    assert shown["path"] == "models/released/student_int8.onnx"


def test_docs_recompute_the_released_students_numbers_from_its_probabilities(tmp_path, monkeypatch, capsys):
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/reproducibility.md").read_text(), re.DOTALL)
    (tmp_path / "program.py").write_text(program)
    monkeypatch.chdir(ROOT)
    numbers = runpy.run_path(str(tmp_path / "program.py"))["numbers"]
    tracked = pd.read_csv("metrics/ham10000/run/evaluation/models.csv", dtype={"at": str})
    tracked = tracked.query("model == 'student_int8' and split == 'holdout' and at not in ['temperature', 'platt']")
    joined = numbers.merge(tracked, on=["at", "metric"], suffixes=("", "_tracked"), validate="one_to_one")
    assert len(joined) == len(tracked) > 20
    for column in ("value", "low", "high"):
        assert joined[column].to_numpy() == pytest.approx(joined[f"{column}_tracked"].to_numpy(), abs=1e-5), column
    assert "roc_auc" in capsys.readouterr().out
