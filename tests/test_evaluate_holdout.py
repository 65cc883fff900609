"""Evaluation: every number from the frozen tables, choices on val, nothing globbed (row 47), no NaN (row 32)."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import write_params
from sklearn.metrics import roc_auc_score

from stages import evaluate_holdout
from stages.evidence.metrics import decision_metrics, threshold_at_sensitivity

MODELS = [
    "resnet18", "student_T1_alpha0.5", "student_T1_alpha0.9", "student_T2_alpha0.5", "student_T2_alpha0.9",
    "student_T1_alpha0", "student_fp32", "student_int8",
    "logistic_regression", "svm_rbf", "random_forest", "gradient_boosting",
]  # fmt: skip


def test_every_named_model_is_scored_on_both_splits(tiny):
    models = pd.read_csv(tiny / "metrics/demo/models.csv")
    assert models["model"].unique().tolist() == MODELS
    assert models["split"].tolist() == ["val", "holdout"] * len(MODELS)
    assert not models.isna().any().any()


def test_the_frozen_table_gives_every_number_again(tiny):
    frozen = pd.read_csv(tiny / "metrics/demo/predictions.csv")
    models = pd.read_csv(tiny / "metrics/demo/models.csv").set_index(["model", "split"])
    val, holdout = (frozen[frozen["split"] == name] for name in ("val", "holdout"))
    for name in MODELS:
        row = models.loc[(name, "holdout")]
        assert row["roc_auc"] == pytest.approx(roc_auc_score(holdout["melanoma"], holdout[name]), abs=1e-6)
        threshold = threshold_at_sensitivity(val["melanoma"].to_numpy(), val[name].to_numpy(), 0.95)
        assert row["threshold"] == pytest.approx(threshold, abs=1e-6)
        reached = decision_metrics(holdout["melanoma"].to_numpy(), holdout[name].to_numpy(), threshold)
        assert row["specificity"] == pytest.approx(reached["specificity"], abs=1e-6)
        assert models.loc[(name, "val"), "sensitivity"] >= 0.95


def test_no_choice_depends_on_the_holdout(tiny):
    before = pd.read_csv(tiny / "metrics/demo/models.csv").set_index(["model", "split"])
    headline = json.loads((tiny / "metrics/demo/headline.json").read_text())
    path = tiny / "data/processed/demo/holdout.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["melanoma"] = [str(1 - int(value)) for value in table["melanoma"]]
    table.to_csv(path, index=False)
    evaluate_holdout.main()
    after = pd.read_csv(tiny / "metrics/demo/models.csv").set_index(["model", "split"])
    assert (before["threshold"] == after["threshold"]).all()
    assert (before.xs("val", level="split") == after.xs("val", level="split")).all().all()
    assert json.loads((tiny / "metrics/demo/headline.json").read_text())["val_best"] == headline["val_best"]
    assert (before.xs("holdout", level="split")["roc_auc"] != after.xs("holdout", level="split")["roc_auc"]).any()


def test_the_headline_is_the_selected_students(tiny):
    headline = json.loads((tiny / "metrics/demo/headline.json").read_text())
    models = pd.read_csv(tiny / "metrics/demo/models.csv").set_index(["model", "split"])
    assert headline["roc_auc"] == pytest.approx(models.loc[("student_T1_alpha0.5", "holdout"), "roc_auc"], abs=5e-5)
    cells = models.xs("val", level="split")["roc_auc"].filter(like="student_T").drop("student_T1_alpha0")
    assert headline["val_best"] == cells.idxmax().removeprefix("student_")


def test_models_left_behind_are_not_scored(tiny):
    folder = tiny / "models/demo/predictions"
    for end in ("csv", "json"):
        shutil.copy(folder / f"teachers/resnet18.{end}", folder / f"teachers/resnet50.{end}")
        shutil.copy(folder / f"students/T1_alpha0.5.{end}", folder / f"students/T4_alpha0.5.{end}")
    evaluate_holdout.main()
    assert pd.read_csv(tiny / "metrics/demo/models.csv")["model"].unique().tolist() == MODELS


def test_a_model_without_predictions_is_named(tiny):
    write_params(tiny, teachers=["resnet18", "resnet34"])
    with pytest.raises(ValueError, match=r"teachers/resnet34\.csv: no such predictions"):
        evaluate_holdout.main()


def test_a_lesion_moved_into_the_holdout_by_hand_is_refused(tiny):
    path = tiny / "data/processed/demo/holdout.csv"
    train = (tiny / "data/processed/demo/train.csv").read_text().splitlines()
    path.write_text(path.read_text() + train[1] + "\n")
    with pytest.raises(ValueError, match=r"also in holdout: \['HAM_"):
        evaluate_holdout.main()


def test_the_run_table_explains_differences(tiny):
    run = pd.read_csv(tiny / "metrics/demo/run.csv").set_index("model")
    assert list(run.index) == MODELS
    assert run.loc["resnet18", "device"] == "cpu"
    assert run.loc["resnet18", "threads"] == 2
    assert "torch 2" in run.loc["resnet18", "versions"]
    students = run.filter(like="student_T", axis=0)
    assert students["params_sha256"].nunique() == len(students)


def test_curves_of_the_holdout_are_written(tiny):
    for name, columns in (("roc", 3), ("pr", 3), ("reliability", 4), ("thresholds", 5)):
        table = pd.read_csv(tiny / f"plots/demo/{name}.csv")
        assert len(table.columns) == columns
        assert set(table["model"]) == set(MODELS)
        assert np.isfinite(table.drop(columns="model").to_numpy()).all()
