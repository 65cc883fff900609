"""Figures of curves: ROC, precision-recall, thresholds, training, reliability, decisions."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.reporting.drawing import INK, LOOKS, canvas, look

STRESS = {"roc_auc": "ROC-AUC", "changed": "decisions changed", "refused": "images refused"}


def bands(table: pd.DataFrame, *, xlabel: str, ylabel: str, ylim: tuple[float, float | None] = (0, 1)) -> Figure:
    """Return one curve with its 95 % band per model of a table with the columns model, x, value, low, high."""
    with canvas(6.5, 4.6) as (figure, (axis,)):
        for number, (name, curve) in enumerate(table.groupby("model", sort=False)):
            color, line, _ = look(number)
            axis.plot(curve["x"], curve["value"], color=color, linestyle=line, label=str(name))
            axis.fill_between(curve["x"], curve["low"], curve["high"], color=color, alpha=0.12, linewidth=0)
        axis.set(xlabel=xlabel, ylabel=ylabel)
        axis.set_ylim(*ylim)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    return figure


def calibration(table: pd.DataFrame) -> Figure:
    """Return the share of melanomas by calibrated probability, smoothed, with a band per model, and the diagonal."""
    figure = bands(table, xlabel="calibrated probability of melanoma", ylabel="share of melanomas")
    figure.axes[0].plot([0, 1], [0, 1], color=INK, linewidth=0.7)
    return figure


def robustness(table: pd.DataFrame, averaged: pd.DataFrame) -> Figure:
    """Return ROC-AUC and the shares of changed decisions and of refusals by strength, a line a family of alterations.

    table: every alteration; averaged: over each family.
    """
    unaltered = table[table["strength"].astype(int) == 0].set_index("metric")["value"]
    lines = averaged[averaged["of"].isin(table["family"]) & averaged["strength"].str.isdigit()]
    with canvas(9, 3.2, columns=3) as (figure, axes):
        for axis, (metric, label) in zip(axes, STRESS.items(), strict=True):
            for number, (family, line) in enumerate(lines[lines["metric"] == metric].groupby("of", sort=False)):
                color, style, marker = look(number)
                x, y = [0, *line["strength"].astype(int)], [unaltered[metric], *line["value"]]
                axis.plot(x, y, color=color, linestyle=style, marker=marker, markersize=3, label=family)
            axis.set(xlabel="strength", ylabel=label)
            axis.grid(alpha=0.3)
        axes[0].legend(fontsize=7)
    return figure


def small_panels(table: pd.DataFrame, names: list[str], x: str, y: str, *, xlabel: str, ylabel: str) -> Figure:
    """Return the curve of each of these models that the table has, as a small panel of its own."""

    def draw(axis: Axes, name: str) -> None:
        curve = table[table["model"] == name]
        axis.plot(curve[x], curve[y], color=LOOKS[0][0])

    names = [name for name in names if name in set(table["model"])]
    return _panels(names, draw, [xlabel, ylabel], (2.2, 2.3, 0), most=5)


def threshold_curves(table: pd.DataFrame, names: list[str]) -> Figure:
    """Return sensitivity, specificity and F1 by threshold, one panel per model."""

    def draw(axis: Axes, name: str) -> None:
        curve = table[table["model"] == name]
        for (color, line, _), metric in zip(LOOKS, ("sensitivity", "specificity", "f1"), strict=False):
            axis.plot(curve["threshold"], curve[metric], color=color, linestyle=line, label=metric)
        if name == names[0]:
            axis.legend(fontsize=7)

    return _panels(names, draw, ["threshold", "share"], (2.8, 2.4, 0.3))


def training(histories: dict[str, pd.DataFrame]) -> Figure:
    """Return training loss, and ROC-AUC on val, by epoch, one panel per model."""

    def draw(axis: Axes, name: str) -> None:
        history = histories[name]
        axis.plot(history["epoch"], history["val_roc_auc"], color=LOOKS[0][0])
        second = axis.twinx()
        second.plot(history["epoch"], history["train_loss"], color=LOOKS[1][0], linestyle="--")
        second.tick_params(labelsize=7)

    labels = ["epoch", "ROC-AUC on val (solid)\ntraining loss (dashed)"]
    return _panels(list(histories), draw, labels, (2.8, 2.3, 0))


def reliability(table: pd.DataFrame, names: list[str]) -> Figure:
    """Return observed against predicted melanoma rate, before and after scaling; below, images per bin."""
    with canvas(2.9 * len(names), 3.9, 2, len(names)) as (figure, axes):
        for name, axis, counts in zip(names, axes, axes[len(names) :], strict=False):
            axis.plot([0, 1], [0, 1], color=INK, linewidth=0.7)
            scalings = table[table["model"] == name].groupby("calibration")
            for (color, line, marker), (scaling, bins) in zip(LOOKS, scalings, strict=False):
                x, y = bins["mean_p"], bins["melanoma_rate"]
                axis.plot(x, y, marker, linestyle=line, color=color, markersize=3, label=scaling)
                counts.plot(x, bins["images"], marker, color=color, markersize=3)  # no line: empty bins lie between
            axis.set_title(name, fontsize=8)
            counts.set(yscale="log", xlabel="mean probability", xlim=(0, 1))
        axes[0].set_ylabel("melanomas observed")
        axes[0].legend(fontsize=7, title="scaling", title_fontsize=7)
        axes[len(names)].set_ylabel("images")
    return figure


def confidence(table: pd.DataFrame, names: list[str]) -> Figure:
    """Return how many melanomas and others get which probability."""
    with canvas(2.9 * len(names), 2.6, columns=len(names)) as (figure, axes):
        for axis, name in zip(axes, names, strict=True):
            bins = table[table["model"] == name]
            edges = np.append(bins["from_p"], 1.0)
            axis.stairs(bins["others"], edges, fill=True, alpha=0.5, color=LOOKS[0][0], label="others", hatch="")
            axis.stairs(bins["melanomas"], edges, alpha=1, color=LOOKS[1][0], label="melanomas", hatch="///")
            axis.set(yscale="symlog", xlabel="probability of melanoma")
            axis.set_title(name, fontsize=8)
        axes[0].set_ylabel("images")
        axes[0].legend(fontsize=7)
    return figure


def _panels(
    names: list[str],
    draw: Callable[[Axes, str], None],
    labels: list[str],
    size: tuple[float, float, float],
    most: int = 4,
) -> Figure:
    """Return a grid of panels titled by these names, each filled by `draw`, at most so many in a row.

    labels: of x and y, at the outer panels only; size: a panel's width and height and the figure's margin, inches.
    """
    columns = min(most, len(names))
    rows = -(-len(names) // columns)
    width, height, margin = size
    with canvas(width * columns, height * rows + margin, rows, columns) as (figure, axes):
        for number, axis in enumerate(axes):
            if number >= len(names):
                axis.set_axis_off()
                continue
            draw(axis, names[number])
            axis.set_title(names[number], fontsize=8)
            axis.tick_params(labelsize=7)
            if number + columns >= len(names):
                axis.set_xlabel(labels[0], fontsize=8)
            if number % columns == 0:
                axis.set_ylabel(labels[1], fontsize=8)
    return figure
