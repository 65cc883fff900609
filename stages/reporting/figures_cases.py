"""Figures of images counted or shown one by one: decisions, agreement, referral, the data themselves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.reporting.drawing import INK, LOOKS, canvas


def confusion(table: pd.DataFrame, names: list[str]) -> Figure:
    """Return the counts of decisions: upper row at 0.5, lower row at each model's operating point."""
    with canvas(2.3 * len(names), 4.6, 2, len(names)) as (figure, axes):
        for axis, (at, name) in zip(axes, [(at, n) for at in table["at"].unique() for n in names], strict=True):
            rows = table[(table["model"] == name) & (table["at"] == at)].set_index("outcome")["images"]
            counts = rows.loc[["true positives", "false negatives", "false positives", "true negatives"]].to_numpy(int)
            shares = counts.reshape(2, 2) / counts.reshape(2, 2).sum(axis=1, keepdims=True)
            axis.imshow(shares, cmap="cividis", vmin=0, vmax=1)
            for (y, x), share in np.ndenumerate(shares):
                color = "white" if share < 0.5 else "black"
                axis.text(x, y, f"{counts[2 * y + x]}\n{share:.0%}", ha="center", va="center", color=color)
            axis.set_xticks([0, 1], ["called\nmelanoma", "called\nother"], fontsize=7)
            axis.set_yticks([0, 1], ["melanoma", "other"], fontsize=7)
            axis.set_title(f"{name}\nat {at if at == '0.5' else 'its operating point'}", fontsize=8)
    return figure


def teacher_student(predictions: pd.DataFrame, teacher: str, student: str) -> Figure:
    """Return the student's probability against the teacher's, image by image."""
    holdout = predictions[predictions["split"] == "holdout"]
    with canvas(5, 5) as (figure, (axis,)):
        for label, kind, size in ((0, "others", 6), (1, "melanomas", 16)):
            images = holdout[holdout["melanoma"] == label]
            color, _, marker = LOOKS[label]
            axis.plot(
                images[teacher], images[student], marker, color=color, markersize=size**0.5, alpha=0.6, label=kind
            )
        axis.axhline(0.5, color=INK, linewidth=0.6)
        axis.axvline(0.5, color=INK, linewidth=0.6)
        axis.set(xlabel=f"probability by {teacher}", ylabel=f"probability by {student}")
        axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axis.legend(loc="upper left", bbox_to_anchor=(0, 1.1), ncols=2)
    return figure


def agreement(table: pd.DataFrame) -> Figure:
    """Return how many melanomas and others both, one or none of teacher and student get right."""
    outcomes = ["both right", "teacher alone right", "student alone right", "both wrong"]
    names = list(dict.fromkeys(table["model"]))
    with canvas(7, 0.8 + 1.3 * len(names), rows=len(names)) as (figure, axes):
        for axis, name in zip(axes, names, strict=True):
            counts = table[table["model"] == name].set_index("outcome").loc[outcomes]
            _stacked_bars(axis, counts[["others", "melanomas"]], ("", "///"))
            for y, row in enumerate(counts[::-1].itertuples()):
                axis.text(row.images, y, f" {row.images} ({row.melanomas} melanomas)", va="center", fontsize=8)
            axis.set_xlim(0, counts["images"].max() * 1.3)
            axis.set(title=f"teacher {name}", xlabel="images of the holdout")
        axes[0].legend(loc="lower right")
    return figure


def referral(table: pd.DataFrame) -> Figure:
    """Return the share of images in each band of referral, for each model."""
    names = list(dict.fromkeys(table["model"]))
    shares = table.pivot(index="model", columns="metric", values="value").loc[names]
    with canvas(8, 1 + 0.4 * len(names)) as (figure, (axis,)):
        _stacked_bars(axis, shares[["melanoma_unlikely", "cannot_tell", "melanoma_suspected"]], ("", "..", "///"))
        axis.set(xlabel="share of the holdout's images", xlim=(0, 1))
        axis.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def data_overview(table: pd.DataFrame) -> Figure:
    """Return images by diagnosis, age, sex, site and confirmation in each split."""
    columns = list(dict.fromkeys(table["column"]))
    splits = list(dict.fromkeys(table["split"]))
    with canvas(12, 3.6, columns=len(columns)) as (figure, axes):
        for axis, column in zip(axes, columns, strict=True):
            counts = table[table["column"] == column].pivot(index="level", columns="split", values="images")
            _stacked_bars(axis, counts.reindex(columns=splits).fillna(0), ("", "///", ".."))
            axis.set(title=column, xlabel="images")
            axis.tick_params(labelsize=7)
        axes[0].legend(fontsize=7)
    return figure


def _stacked_bars(axis: Axes, table: pd.DataFrame, hatches: tuple[str, ...]) -> None:
    """Draw a horizontal bar for each row, the first on top, stacked from the columns; one hatch per column."""
    table = table[::-1]
    left = np.zeros(len(table))
    for (color, _, _), column, hatch in zip(LOOKS, table.columns, hatches, strict=False):
        axis.barh(table.index, table[column], left=left, color=color, hatch=hatch, alpha=0.7, label=column)
        left = left + table[column].to_numpy()
