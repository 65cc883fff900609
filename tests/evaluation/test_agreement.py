"""Teacher against student: by hand, and the study's published counts."""

import numpy as np
import pandas as pd
from conftest import ROOT

from stages.evaluation.agreement import agreement_table, examples, outcomes

LABELS = np.array([1, 1, 1, 0, 0, 0])
TEACHER = np.array([0.9, 0.8, 0.1, 0.9, 0.1, 0.2])
STUDENT = np.array([0.9, 0.2, 0.2, 0.7, 0.8, 0.1])


def test_outcomes_by_hand():
    outcome = outcomes(LABELS, TEACHER, STUDENT, 0.5)
    assert outcome.tolist() == [
        "both right", "teacher alone right", "both wrong", "both wrong", "teacher alone right", "both right",
    ]  # fmt: skip
    table = agreement_table(LABELS, outcome).set_index("outcome")
    assert table.loc["models agree", "images"] == 4
    assert table.loc["both wrong", ["melanomas", "others"]].tolist() == [1, 1]
    assert table.loc["teacher right", "images"] == 4
    assert table.loc["all images", "share"] == 1


def test_examples_show_each_kind_and_the_most_telling_first():
    table = pd.DataFrame({"image_id": list("abcdef"), "lesion_id": list("ABCDEF"), "dx": "nv", "melanoma": LABELS})
    images = examples(table, TEACHER, STUDENT, 0.5, each=1).set_index("kind")["image_id"]
    assert images["shared misses"] == "c"
    assert images["shared false alarms"] == "d"
    assert images["high-confidence misses"] in {"b", "c"}
    assert images["high-confidence false alarms"] == "e"
    assert images["both right, melanoma"] == "a"


def test_a_lesion_is_shown_once_a_kind():
    table = pd.DataFrame({"image_id": list("ab"), "lesion_id": ["A", "A"], "dx": "mel", "melanoma": [1, 1]})
    images = examples(table, np.array([0.1, 0.2]), np.array([0.1, 0.2]), 0.5, each=8)
    assert (images["kind"] == "shared misses").sum() == 1


def test_the_studys_counts_come_out_again():
    table = pd.read_csv(ROOT / "metrics/published/ham10000.csv")
    labels = table["melanoma"].to_numpy()
    teacher, student = (
        table[name].to_numpy() for name in ("published_efficientnet_b1", "published_student_T1_alpha0.5")
    )
    counts = agreement_table(labels, outcomes(labels, teacher, student, 0.5)).set_index("outcome")
    assert counts["images"].to_dict() == {
        "all images": 1513,
        "models agree": 1331,
        "models disagree": 182,
        "teacher right": 1307,
        "student right": 1369,
        "both right": 1247,
        "teacher alone right": 60,
        "student alone right": 122,
        "both wrong": 84,
    }
    assert counts.loc["both wrong", ["melanomas", "others"]].tolist() == [29, 55]
