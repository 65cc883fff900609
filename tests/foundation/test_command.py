"""A stage's failure is one message and exit status 1, without a traceback."""

import subprocess
import sys

from conftest import ROOT


def run(folder, *words):
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_users_error_is_a_message(project):
    done = run(project, "stages.prepare_splits")
    assert done.returncode == 1
    assert done.stderr.startswith("prepare_splits: data/raw/demo/HAM10000_metadata.csv: no such file")
    assert "Traceback" not in done.stderr
    assert not (project / "data").exists()


def test_seconds_go_to_an_untracked_log(project):
    assert run(project, "stages.check_params").returncode == 0
    stage, seconds = (project / "logs/seconds.csv").read_text().strip().split(",")
    assert stage == "check_params"
    assert float(seconds) >= 0
