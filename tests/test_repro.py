"""Whole pipelines at tiny size through DVC: reproducible, with metrics, plots and remotes as DVC's users know them."""

import io
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from conftest import copy_project, write_params
from projects import RAN, Project, results

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    built = Project(copy_project(tmp_path_factory.mktemp("a projekt ü")))
    built.first = built.ran("repro")
    built.commit()
    return built


def test_everything_runs_once_and_then_nothing(project):
    assert project.first[0] == "check_params"
    assert project.first[-1] == "report"
    assert len(project.first) == 22
    assert project.ran("repro") == []


def test_twice_from_nothing_gives_the_same_bytes(project, finished):
    """Once through DVC, a process a stage; once by calling every stage's main() in one process."""
    assert len(project.results()) > 100
    assert project.results() == results(finished)


ALL = """
import pandas as pd
from pathlib import Path
from stages import (
    baselines, check_params, distill, evaluate_holdout, explain, pack_images, prepare_splits, quantization_aware,
    quantize, report, soft_labels, stress_test, synthesize_demo, train_teacher,
)
from stages.foundation.params import read_params
synthesize_demo.main()
clinic = Path("data/raw/clinic")
Path("data/raw/demo").rename(clinic)
check_params.main()
table = pd.read_csv(clinic / "HAM10000_metadata.csv", dtype=str)
table["dx"] = table["dx"].where(table["dx"] == "mel", "nv")
table[["dx_type", "age", "sex", "localization"]] = ""
table.to_csv(clinic / "HAM10000_metadata.csv", index=False)
prepare_splits.main()
pack_images.main()
train_teacher.main("resnet18")
soft_labels.main("resnet18")
for key in read_params(evaluate_holdout.Params).kd.students:
    distill.main(key)
baselines.main()
if read_params(prepare_splits.Params).splits.fold == 0:  # one report of this archive is enough
    for stage in (quantization_aware, quantize, stress_test, evaluate_holdout, explain, report):
        stage.main()
Path("plots/clinic/report").mkdir(parents=True, exist_ok=True)
"""
STAGE = """
stages:
  all:
    cmd: python all.py
    deps: [all.py]
    params: [splits.fold, splits.folds, kd, data, target]
    outs:
      - plots/clinic/report
      - data/processed/clinic
      - models/clinic/predictions
"""


def test_folds_of_an_archive_of_ones_own_are_queued_and_compared(tmp_path):
    """Of an archive that knows melanoma or not, and nothing else; all stages in one process, as no stage is asked."""
    (tmp_path / "project").mkdir()
    project = Project(copy_project(tmp_path / "project"))
    write_params(project.folder, data={"name": "clinic"}, target="melanoma", kd={"seeds": [43]}, splits={"folds": 2})
    (project.folder / "all.py").write_text(ALL)
    (project.folder / "dvc.yaml").write_text(STAGE)
    project.commit()
    project.dvc("exp", "run", "--queue", "-S", "splits.fold=range(0,2)")
    project.dvc("exp", "run", "--run-all")
    shown = project.dvc("exp", "show", "--csv")
    assert {"0", "1"} <= set(pd.read_csv(io.StringIO(shown))["splits.fold"].astype(str))
    command = [sys.executable, "-m", "stages.commands.main", "compare"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(project.folder / "metrics/clinic/procedures.csv")
    assert table["folds"].unique().tolist() == [2]
    assert table["seeds"].unique().tolist() == [2]
    assert table["turns"].unique().tolist() == [1, 4]
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    assert table["size"].unique().tolist() == [params["image"]["size"]]
    assert table["teachers"].unique().tolist() == [" ".join(params["kd"]["teachers"])]
    assert set(table["metric"]) >= {"roc_auc", "average_precision", "log_loss"}


def test_metrics_and_plots_speak_dvc(project):
    project.ran("exp", "run", "-S", "kd.temperature=2", "-n", "hotter")
    project.ran("exp", "run", "-S", "kd.temperature=1")
    shown = project.dvc("metrics", "show")
    assert "roc_auc" in shown
    assert max(map(len, shown.splitlines())) <= 120
    table = project.dvc("exp", "show", "--csv", "--only-changed", "--drop", "^[^:]*/[^:]*$")  # as docs/train.md has it
    assert "roc_auc" in table  # --only-changed hides a metric that both runs have alike
    difference = project.dvc("metrics", "diff", "HEAD", "hotter")
    assert "headline.json" in difference
    project.dvc("plots", "diff", "HEAD", "hotter", "-o", "difference")
    page = (project.folder / "difference/index.html").read_text()
    for title in (
        "ROC on the holdout",
        "Precision-recall",
        "Reliability",
        "Sensitivity by threshold",
        "Validation ROC-AUC by epoch",
    ):
        assert title in page


def test_a_remote_gives_a_clone_all_of_it_and_nothing_runs(project, tmp_path):
    """A folder as remote is the same code as S3: push, clone, pull, and dvc repro has nothing to do."""
    project.dvc("repro")
    project.commit()
    project.dvc("remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    project.dvc("push")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(project.folder), str(clone)], check=True)
    for words in (["remote", "add", "--local", "--default", "store", str(tmp_path / "store")], ["pull"]):
        subprocess.run(["dvc", *words], cwd=clone, check=True, capture_output=True)
    done = subprocess.run(["dvc", "repro"], cwd=clone, capture_output=True, text=True, check=True)
    assert RAN.findall(done.stdout) == []
    assert results(clone) == project.results()
