"""Figures: the page's own colours, the same bytes twice, told apart without colour."""

import re

import numpy as np
import pandas as pd

from stages.reporting.drawing import LOOKS, as_svg, canvas, intervals, look, on_white


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
    first, second = as_svg(drawn(), "a"), as_svg(drawn(), "a")
    assert first == second
    assert first.startswith("<svg ")
    assert "currentColor" in first
    assert "#010203" not in first
    assert "<dc:date>" not in first


def test_an_svg_does_not_depend_on_the_last_bits_of_a_position():
    """Two processors lay a figure out with positions that differ there."""
    shifted = drawn()
    for figure, width in ((first := drawn(), 0.8), (shifted, np.nextafter(0.8, 1))):
        figure.set_layout_engine("none")
        figure.axes[0].set_position((0.1, 0.1, width, 0.8))
    assert as_svg(first, "a") == as_svg(shifted, "a")


def test_a_file_of_its_own_is_black_on_white_whatever_page_shows_it():
    svg = on_white(as_svg(drawn(), "a"))
    assert svg.startswith('<svg style="color: black; background: white" ')
    assert svg.count("<svg ") == 1


def test_looks_are_told_apart_without_colour():
    assert len({str(line) for _, line, _ in LOOKS}) == len({marker for *_, marker in LOOKS}) == len(LOOKS)
    assert len({str(look(number)) for number in range(64)}) == 64


def test_a_screen_reader_is_told_what_is_shown_and_two_figures_share_no_id():
    first, second = as_svg(drawn(), "ROC <all>"), as_svg(drawn(), "other")
    assert 'role="img" aria-label="ROC &lt;all&gt;"' in first
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', first))
    assert used
    assert used <= ids[0]
