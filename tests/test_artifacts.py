"""What a clone has without training: the released student by name and version, and probabilities to compute from."""

import subprocess

import dvc.api
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
