"""A clone can make the committed tables again, and one altered cell is found; sources are joined by image."""

import shutil

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from stages.commands import doctor
from stages.commands.archives.findings import join_sources
from stages.commands.recomputed import ask_sklearn, compare
from stages.evaluation import tables
from stages.evaluation.frozen import read_frozen
from stages.foundation import command
from stages.foundation.settings import Evaluate


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("metrics", "plots", "models/demo/predictions/stress"):
        shutil.copytree(finished / folder, tmp_path / folder)
    shutil.copy(finished / "params.yaml", tmp_path)
    return tmp_path / "metrics/demo"


def settings(folder):
    return Evaluate(**yaml.safe_load((folder / "params.yaml").read_text())["evaluate"])


def test_every_table_comes_again_and_one_altered_cell_does_not(run, tmp_path, capsys):
    command.call(doctor, ["--recompute", "demo"], prog="doctor")
    shown = capsys.readouterr().out
    assert shown.count(" 0 differ") == len(tables.TABLES) + 9  # and the curves, and the stress tests
    assert "cells by scikit-learn" in shown
    kept = tmp_path / "metrics/kept/run"  # without curves and answers about altered images, which are then not missed
    shutil.copytree(run, kept)
    shutil.copy("params.yaml", kept)
    (tmp_path / "params.yaml").write_text(
        (tmp_path / "params.yaml").read_text().replace("quantile: step", "quantile: smoothed")
    )
    path = kept / "evaluation/models.csv"
    lines = path.read_text().splitlines()
    cells = lines[7].split(",")
    cells[5] = f"{float(cells[5]) + 2e-6:.9g}"
    path.write_text("\n".join([*lines[:7], ",".join(cells), *lines[8:]]) + "\n")
    with pytest.raises(SystemExit):
        command.call(doctor, ["--recompute", "kept"], prog="doctor")
    shown = capsys.readouterr().out
    assert "models.csv: 1 cells differ, the first in row 8, value" in shown
    assert "curves: not kept" in shown
    assert "no such table" not in shown


@pytest.mark.parametrize("name", ["ham10000", "ham10000_architectures"])
def test_ham10000s_committed_tables_follow_from_its_committed_predictions(name):
    """Those without a bootstrap; `doctor --recompute` makes the others, in minutes."""
    folder = ROOT / "metrics" / name / "run/evaluation"
    evaluation = read_frozen(folder, settings(folder.parent))
    assert list(ask_sklearn(folder / "models.csv", evaluation)) == []
    assert list(compare(folder / "counts.csv", tables.counts(evaluation))) == []


def test_a_source_is_joined_by_image_and_a_missing_one_is_named(tmp_path):
    archive, other = tmp_path / "archive", tmp_path / "dataverse.csv"
    archive.mkdir()
    path = archive / "HAM10000_metadata.csv"
    path.write_text("lesion_id,image_id,dx\na,one,nv\nb,two,mel\n")
    other.write_text("image_id,dataset\ntwo,rosendahl\nthree,rosendahl\none,vidir_modern\n")
    join_sources(archive, other)
    assert pd.read_csv(path)["dataset"].tolist() == ["vidir_modern", "rosendahl"]
    path.write_text("lesion_id,image_id,dx,dataset,patient_id\na,one,nv,,p\nb,two,mel,,q\n")  # as `import` writes it
    join_sources(archive, other)
    assert path.read_text().splitlines()[:2] == ["lesion_id,image_id,dx,dataset,patient_id", "a,one,nv,vidir_modern,p"]
    other.write_text("image_id,dataset\ntwo,rosendahl\n")
    with pytest.raises(ValueError, match="no row for 1 images, the first is one"):
        join_sources(archive, other)
