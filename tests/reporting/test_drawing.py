"""Figures: names people write, the page's own colours, the same bytes twice, told apart without colour."""

import numpy as np
import pandas as pd
import pytest

from stages.reporting.drawing import LOOKS, as_svg, canvas, intervals, readable
from stages.reporting.findings import findings


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("resnet152", "ResNet-152"),
        ("efficientnet_b7", "EfficientNet-B7"),
        ("student_T1_alpha0.5", "student T=1 α=0.5"),
        ("student_T1_alpha0_seed43", "student T=1 α=0, seed 43"),
        ("student_T1_alpha0, mean of 3 seeds", "student T=1 α=0, mean of 3 seeds"),
        ("student_int8", "student ONNX int8"),
        ("random_forest", "random forest"),
    ],
)
def test_models_have_the_names_people_write(model, name):
    assert readable(model) == name


def drawn():
    table = pd.DataFrame({"value": [0.5, 0.9], "low": [0.4, 0.8], "high": [0.6, 1.0]})
    with canvas(4, 2) as (figure, (axes,)):
        intervals(axes, table, ["a", "b"])
    return figure


def test_the_first_row_is_on_top():
    (axes,) = drawn().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    line = axes.lines[0]
    assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == {0.5: 1, 0.9: 0}


def test_an_svg_is_the_same_twice_and_takes_the_pages_colour():
    first, second = as_svg(drawn()), as_svg(drawn())
    assert first == second
    assert first.startswith("<svg ")
    assert "currentColor" in first
    assert "#010203" not in first
    assert "<dc:date>" not in first


def test_looks_are_told_apart_without_colour():
    assert len({str(line) for _, line, _ in LOOKS}) == len({marker for *_, marker in LOOKS}) == len(LOOKS)


def test_a_sentence_says_no_more_than_the_test():
    row = {
        "family": "student against teacher", "model": "student_T1_alpha0.5", "reference": "resnet18", "at": "all",
        "metric": "roc_auc", "difference": 0.002, "low": -0.01, "high": 0.014, "p": 0.8, "p_delong": "0.79",
        "p_holm": 0.8, "verdict": "no difference shown",
    }  # fmt: skip
    many = {"family": "cell against the best on val", "metric": "ece"}
    said = findings(pd.DataFrame([row, row | {"p_holm": 0.01, "verdict": "better"}, row | many]))
    assert said == [
        "student T=1 α=0.5 against ResNet-18: ROC-AUC +0.0020 (-0.0100 to +0.0140, p = 0.800, DeLong p = 0.790): "
        "no difference shown.",
        "student T=1 α=0.5 against ResNet-18: ROC-AUC +0.0020 (-0.0100 to +0.0140, p = 0.010, DeLong p = 0.790): "
        "student T=1 α=0.5 is better.",
    ]
    assert np.all(["better" not in sentence for sentence in said[:1]])
