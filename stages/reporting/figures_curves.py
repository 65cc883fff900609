"""Figures of curves: ROC, precision-recall, thresholds, training, reliability, decisions."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.reporting.drawing import INK, LOOKS, canvas


def bands(
    table: pd.DataFrame, x: str, *, xlabel: str, ylabel: str, ylim: tuple[float, float | None] = (0, 1)
) -> Figure:
    """Return one curve with its 95 % band per model of a table with the columns model, `x`, value, low, high."""
    with canvas(6.5, 4.6) as (figure, (axis,)):
        for number, (name, own) in enumerate(table.groupby("model", sort=False)):
            colour, line, _ = LOOKS[number % len(LOOKS)]
            axis.plot(own[x], own["value"], color=colour, linestyle=line, label=str(name))
            axis.fill_between(own[x], own["low"], own["high"], color=colour, alpha=0.12, linewidth=0)
        axis.set(xlabel=xlabel, ylabel=ylabel)
        axis.set_ylim(*ylim)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    return figure


def small_panels(table: pd.DataFrame, names: list[str], x: str, y: str, *, xlabel: str, ylabel: str) -> Figure:
    """Return the curve of each of these models that the table has, as a small panel of its own."""
    names = [name for name in names if name in set(table["model"])]
    columns = 5
    rows = -(-len(names) // columns)
    with canvas(11, 2.3 * rows, rows, columns) as (figure, axes):
        for axis, name in zip(axes, names, strict=False):
            own = table[table["model"] == name]
            axis.plot(own[x], own[y], color=LOOKS[0][0])
            axis.set_title(name, fontsize=8)
        _label(axes, len(names), columns, xlabel, ylabel)
    return figure


def threshold_curves(table: pd.DataFrame, names: list[str]) -> Figure:
    """Return sensitivity, specificity and F1 by threshold, one panel per model."""
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    with canvas(2.8 * columns, 2.4 * rows + 0.3, rows, columns) as (figure, axes):
        for axis, name in zip(axes, names, strict=False):
            own = table[table["model"] == name]
            for (colour, line, _), metric in zip(LOOKS, ("sensitivity", "specificity", "f1"), strict=False):
                axis.plot(own["threshold"], own[metric], color=colour, linestyle=line, label=metric)
            axis.set_title(name, fontsize=8)
        axes[0].legend(fontsize=7)
        _label(axes, len(names), columns, "threshold", "share")
    return figure


def training(histories: dict[str, pd.DataFrame]) -> Figure:
    """Return training loss, and ROC-AUC on val, by epoch, one panel per model; a dot marks the epoch kept."""
    names = list(histories)
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    with canvas(2.8 * columns, 2.3 * rows, rows, columns) as (figure, axes):
        for axis, name in zip(axes, names, strict=False):
            own = histories[name]
            best = own.iloc[int(own["val_roc_auc"].to_numpy().argmax())]
            axis.plot(own["epoch"], own["val_roc_auc"], color=LOOKS[0][0])
            axis.plot(best["epoch"], best["val_roc_auc"], "o", color=LOOKS[0][0])
            second = axis.twinx()
            second.plot(own["epoch"], own["train_loss"], color=LOOKS[1][0], linestyle="--")
            second.tick_params(labelsize=7, colors=LOOKS[1][0])
            axis.set_title(name, fontsize=8)
        _label(axes, len(names), columns, "epoch", "ROC-AUC on val (solid)\ntraining loss (dashed)")
    return figure


def reliability(table: pd.DataFrame, names: list[str]) -> Figure:
    """Return observed against predicted melanoma rate, before and after scaling; below, images per bin."""
    with canvas(2.9 * len(names), 3.9, 2, len(names)) as (figure, axes):
        for number, name in enumerate(names):
            own, axis, counts = table[table["model"] == name], axes[number], axes[len(names) + number]
            axis.plot([0, 1], [0, 1], color=INK, linewidth=0.7)
            for (colour, line, marker), (kind, part) in zip(LOOKS, own.groupby("calibration"), strict=False):
                axis.plot(
                    part["mean_p"],
                    part["melanoma_rate"],
                    marker,
                    linestyle=line,
                    color=colour,
                    markersize=3,
                    label=kind,
                )
                counts.step(part["mean_p"], part["images"], color=colour, linestyle=line, where="mid")
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
            own = table[table["model"] == name]
            edges = np.append(own["from_p"], 1.0)
            for (colour, _, _), kind, hatch in zip(LOOKS, ("others", "melanomas"), ("", "///"), strict=False):
                axis.stairs(
                    own[kind],
                    edges,
                    fill=not hatch,
                    alpha=0.5 if not hatch else 1,
                    color=colour,
                    label=kind,
                    hatch=hatch,
                )
            axis.set(yscale="symlog", xlabel="probability of melanoma")
            axis.set_title(name, fontsize=8)
        axes[0].set_ylabel("images")
        axes[0].legend(fontsize=7)
    return figure


def _label(axes: list[Axes], used: int, columns: int, xlabel: str, ylabel: str) -> None:
    for number, axis in enumerate(axes):
        if number >= used:
            axis.set_axis_off()
            continue
        axis.tick_params(labelsize=7)
        if number + columns >= used:
            axis.set_xlabel(xlabel, fontsize=8)
        if number % columns == 0:
            axis.set_ylabel(ylabel, fontsize=8)
