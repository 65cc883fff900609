"""What the operating point means among 1,000 lesions."""

import pandas as pd
import pytest

from stages.evaluation.scores import consequence_rows
from stages.statistics.intervals import draw_sample


def consequences(images):
    """Return the rows at a prevalence of .1 for images of (lesion, melanoma, called)."""
    table = pd.DataFrame(images, columns=["lesion_id", "melanoma", "called"])
    sample = draw_sample(table, replicates=200, seed=0)
    lesions, called = (table[name].to_numpy() for name in ("lesion_id", "called"))
    return consequence_rows(sample, lesions, called == 1, 0.05, [0.1]).set_index("metric")


def test_a_lesion_counts_once_however_often_it_was_photographed():
    """a: found in one of two photographs; b: called in each of three; c: never. Of images, 3 of 4 others are called."""
    table = consequences([*[("a", 1, 1), ("a", 1, 0)], *[("b", 0, 1)] * 3, ("c", 0, 0)])
    values = table["value"]
    assert values["melanomas_found_of_1000"] == pytest.approx(100 * 0.5)
    assert values["false_alarms_of_1000"] == pytest.approx(900 * 0.5)
    assert values["ppv"] == pytest.approx(50 / (50 + 450))


def test_what_was_always_found_may_still_be_missed_and_what_varies_is_left_to_its_replicates():
    found = consequences([*[(f"m{n}", 1, 1) for n in range(10)], *[(f"o{n}", 0, n % 2) for n in range(40)]])
    assert found.loc["melanomas_missed_of_1000", ["value", "low"]].tolist() == [0, 0]
    assert found.loc["melanomas_missed_of_1000", "high"] == pytest.approx(100 * (1 - 0.6915), abs=0.1)  # tables
    assert 250 < found.loc["false_alarms_of_1000", "low"] < 450 < found.loc["false_alarms_of_1000", "high"] < 650
    assert found.loc["npv", "low"] < found.loc["npv", "value"] == 1


def test_a_name_with_images_of_both_classes_is_a_lesion_of_either():
    table = consequences([("a", 1, 1), ("a", 0, 0), ("b", 0, 0), ("c", 1, 1)])
    assert table.loc["melanomas_found_of_1000", "value"] == 100
    assert table.loc["false_alarms_of_1000", "value"] == 0
