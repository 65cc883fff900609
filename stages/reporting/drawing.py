"""How figures look: readable in black and white, to the colour-blind, on light pages and on dark ones."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#010203"  # becomes the page's own text colour: see `as_svg`
# After Okabe & Ito 2008, told apart by all common kinds of colour vision; two are darker, so that their contrast to a
# white page is 3 too. Line style and marker tell apart without colour
LOOKS: list[tuple[str, Any, str]] = [
    ("#0072B2", "-", "o"),
    ("#D55E00", "--", "s"),
    ("#009E73", "-.", "^"),
    ("#CC79A7", ":", "D"),
    ("#B07A00", (0, (5, 1)), "v"),
    ("#3A8FC4", (0, (3, 1, 1, 1)), "P"),
    ("#8A5A2B", (0, (1, 1)), "X"),
    (INK, (0, (6, 1, 1, 1, 1, 1)), "*"),
]
STYLE: Any = {
    "svg.hashsalt": "melanoma-kd",  # the same bytes each time
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


def look(number: int) -> tuple[str, Any, str]:
    """Return colour, line style and marker of a figure's series, counted from 0: no two are the same up to 64."""
    color = LOOKS[number % len(LOOKS)][0]
    _, line, marker = LOOKS[(number + number // len(LOOKS)) % len(LOOKS)]
    return color, line, marker


@contextmanager
def canvas(width: float, height: float, rows: int = 1, columns: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """Yield a figure of this many inches and its axes in reading order, with the house style in force."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, list(np.atleast_1d(figure.subplots(rows, columns)).flat)


def as_svg(figure: Figure, label: str) -> str:
    """Return the figure as one SVG element, in the text colour of whatever page shows it; no date inside.

    label: what a screen reader says of it; also makes its ids other than those of the page's other figures.
    """
    target = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    text = target.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    prefix = re.sub(r"\W+", "-", label.lower())
    # matplotlib names clips and markers by a hash of unrounded numbers, whose last bits depend on the processor.
    for number, name in enumerate(dict.fromkeys(re.findall(r' id="([a-z][0-9a-f]{10})"', text))):
        text = text.replace(name, f"{name[0]}{number}")
    text = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}_", text)
    return text.replace("<svg ", f'<svg color="black" role="img" aria-label="{escape(label)}" ', 1)


def on_white(svg: str) -> str:
    """Return `as_svg`'s element as a file of its own: black on white, so that it is read on a dark page too."""
    return svg.replace('<svg color="black" ', '<svg style="color: black; background: white" ', 1)


def intervals(axes: Axes, table: pd.DataFrame, names: list[str]) -> None:
    """Draw value, low and high of a table as points with whiskers, one row of the axes each, the first on top."""
    y = np.arange(len(table))[::-1]
    color, _, marker = LOOKS[0]
    whiskers = np.abs(np.stack([table["value"] - table["low"], table["high"] - table["value"]]))
    axes.errorbar(table["value"], y, xerr=whiskers, fmt=marker, color=color, capsize=2, markersize=4, linewidth=1.2)
    axes.set_yticks(np.arange(len(names))[::-1], names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(axis="x", alpha=0.3)
