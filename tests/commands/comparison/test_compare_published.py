"""The command: its two tables, and a clear word where nothing is published."""

import pandas as pd
import pytest

from stages.commands.main import main as melanoma_kd


def test_what_is_published_for_a_data_set_is_compared(tiny):
    predictions = pd.read_csv(tiny / "metrics/demo/evaluation/predictions.csv").query("split == 'holdout'")
    (tiny / "metrics/published").mkdir()
    published = predictions[["image_id", "melanoma"]].assign(published_int8=predictions["student_int8"])
    published.to_csv(tiny / "metrics/published/demo.csv", index=False)
    melanoma_kd(["compare_published"])
    models = pd.read_csv(tiny / "metrics/demo/published.csv").set_index(["model", "at", "metric"]).sort_index()
    tests = pd.read_csv(tiny / "metrics/demo/published_comparisons.csv").query("model == 'student_int8'")
    assert (models.loc["published_int8", "value"] == models.loc["student_int8", "value"]).all()
    assert (tests["difference"] == 0).all()
    assert set(tests["verdict"]) == {"no difference shown"}


def test_without_a_published_table_it_says_so(tiny):
    with pytest.raises(SystemExit, match=r"metrics/published/demo.csv: no such file"):
        melanoma_kd(["compare_published"])
    assert not (tiny / "metrics/demo/published.csv").exists()
