"""Tables for people: ids stay text, and the released student among the baselines has no features."""

import pandas as pd

from stages.reporting.labels import ABLATION, baseline_table, read_table


def test_ids_that_are_numbers_stay_text(tmp_path):
    (tmp_path / "examples.csv").write_text("image_id,lesion_id\n007,1\n")
    table = read_table(tmp_path / "examples.csv", pd.DataFrame(columns=["model", "label"]))
    assert table.iloc[0].tolist() == ["007", "1"]


def test_the_released_student_among_the_baselines_has_no_features():
    index = pd.DataFrame({"model": ["released", "svm_rbf"], "label": ["as it is", "SVM"], "kind": "baseline"})
    index["features"] = "208"
    rows = [(label, at, metric) for label in index["label"] for metric, at in ABLATION.items()]
    models = pd.DataFrame(rows, columns=["model", "at", "metric"]).assign(split="holdout", value=0.5, low=0.4, high=0.6)
    assert baseline_table(models, index)["features"].tolist() == ["-", 208]
