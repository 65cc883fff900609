"""Figures that compare models by their numbers: all of them, the distillation grid, paired differences, groups."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.reporting.drawing import INK, LOOKS, canvas, intervals
from stages.reporting.labels import METRIC_NAMES, labels_of, metric_name, metric_text, p_text

AGAINST_CONTROL = "distillation against control, all seeds"  # the family whose figure is `kd_effectiveness`


def model_comparison(models: pd.DataFrame) -> Figure:
    """Return ROC-AUC, average precision and ECE of every model on the holdout, with intervals."""
    holdout = models[(models["split"] == "holdout") & (models["at"] == "all")]
    names = list(dict.fromkeys(holdout["model"]))
    with canvas(9, 1.2 + 0.24 * len(names), columns=3) as (figure, axes):
        for axis, metric in zip(axes, ("roc_auc", "average_precision", "ece"), strict=True):
            intervals(axis, holdout[holdout["metric"] == metric].set_index("model").loc[names], names)
            axis.set_xlabel(metric_name(metric))
        for axis in axes[1:]:
            axis.set_yticklabels([])
    return figure


def comparisons(table: pd.DataFrame) -> Figure:
    """Return the paired differences in the primary metric as a forest: a row a pair, by family; filled where shown."""
    pairs = table[table["primary"] == "yes"]
    families = {str(name): rows.to_dict("records") for name, rows in pairs.groupby("family", sort=False)}
    color, _, marker = LOOKS[0]
    with canvas(6.6, 0.6 + 0.34 * len(pairs) + 0.22 * len(families)) as (figure, (axis,)):
        y, labels = 0.0, {}  # of the rows and of the families' names
        for family, rows in families.items():
            y -= 0.65
            labels[y] = family
            for row in rows:
                y -= 1
                face = color if row["verdict"] in ("better", "worse") else "none"
                axis.plot([row["low"], row["high"]], [y, y], color=color, linewidth=1.3)
                axis.plot(row["difference"], y, marker, color=color, markerfacecolor=face, markersize=5)
                beside: Any = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 7.5}
                axis.annotate(p_text(row["p_holm"]), (1.01, y), **beside)
                labels[y] = f"{row['model']}\n- {row['reference']}"
            y -= 0.2
        axis.set_yticks(list(labels), list(labels.values()), fontsize=7.5)
        for text in axis.get_yticklabels():
            text.set_fontweight("bold" if text.get_text() in families else "normal")
        axis.set_ylim(y - 0.4, 0)
        axis.tick_params(axis="y", length=0)
        axis.axvline(0, color=INK, linewidth=0.8)
        axis.grid(axis="x", alpha=0.3)
        axis.set_xlabel(f"difference in {metric_text(pairs.iloc[0])} (filled: shown)")
    return figure


def kd_effectiveness(models: pd.DataFrame, table: pd.DataFrame, index: pd.DataFrame) -> Figure:
    """Return every seed of the repeated student and of the control, and the difference of their means."""
    pair = table[(table["family"] == AGAINST_CONTROL) & (table["primary"] == "yes")]
    holdout = models[(models["split"] == "holdout") & (models["metric"] == "roc_auc")]
    with canvas(8, 3.2, columns=2) as (figure, (left, right)):
        row = pair.iloc[0]
        holdout = holdout[holdout["at"] == row["at"]].set_index("model")
        seeds: list[str] = []  # the students that each mean is of
        for mean in (row["model"], row["reference"]):
            cell = index[index["label"] == mean].iloc[0]
            seeds += labels_of(index, kind="student", temperature=cell["temperature"], alpha=cell["alpha"])
        intervals(left, holdout.loc[seeds], seeds)
        left.set_xlabel(f"{metric_text(row)}, holdout")
        intervals(right, pair.rename(columns={"difference": "value"}), ["distilled minus control,\nmean of seeds"])
        right.axvline(0, color=INK, linewidth=0.8)
        right.locator_params(axis="x", nbins=4)
        right.set_xlabel(f"difference, {p_text(row['p_holm'])}")
    return figure


def kd_heatmaps(ablation: pd.DataFrame) -> Figure:
    """Return ROC-AUC, PR-AUC, F1, recall and ECE over temperature and alpha; the control is alpha 0."""
    metrics = ("roc_auc", "pr_auc", "f1", "sensitivity", "ece")
    with canvas(11, 2.6, columns=len(metrics)) as (figure, axes):
        for axis, metric in zip(axes, metrics, strict=True):
            grid = ablation.pivot(index="temperature", columns="alpha", values=metric)
            axis.imshow(grid, cmap="cividis", aspect="auto")
            middle = np.nanmean(grid.to_numpy())
            for (y, x), value in np.ndenumerate(grid.to_numpy()):
                if np.isfinite(value):
                    color = "white" if value < middle else "black"
                    axis.text(x, y, f"{value:.3f}", ha="center", va="center", color=color)
            axis.set_xticks(range(len(grid.columns)), [f"{alpha:g}" for alpha in grid.columns])
            axis.set_yticks(range(len(grid.index)), [f"{T:g}" for T in grid.index])
            axis.set(title=metric_name(metric), xlabel="α")
        axes[0].set_ylabel("T")
    return figure


def subgroups(table: pd.DataFrame, model: str) -> Figure:
    """Return one model's ROC-AUC, sensitivity and specificity by group; hollow where melanomas are few."""
    table = table[(table["model"] == model) & ~table["level"].str.startswith("gap, ")]
    groups = table[["group", "level", "images", "melanomas"]].drop_duplicates()
    names = [f"{row.group}: {row.level} ({row.melanomas} of {row.images})" for row in groups.itertuples()]
    y = np.arange(len(groups))[::-1]
    height = dict(zip(zip(groups["group"], groups["level"], strict=True), y, strict=True))
    color, _, marker = LOOKS[0]
    with canvas(10, 1 + 0.24 * len(groups), columns=3) as (figure, axes):
        for axis, metric in zip(axes, ("roc_auc", "sensitivity", "specificity"), strict=True):
            for row in table[table["metric"] == metric][::-1].to_dict("records"):
                face = color if row["few"] == "-" else "none"
                at = height[row["group"], row["level"]]
                axis.plot([row["low"], row["high"]], [at, at], color=color, linewidth=1.2)
                axis.plot(row["value"], at, marker, color=color, markerfacecolor=face, markersize=4)
            axis.set_yticks(y, names if axis is axes[0] else [""] * len(groups))
            axis.set_ylim(-0.6, len(groups) - 0.4)
            axis.grid(axis="x", alpha=0.3)
            axis.set_xlabel(METRIC_NAMES.get(metric, f"{metric} at the operating point"))
    return figure


def quantization(table: pd.DataFrame) -> Figure:
    """Return what each quantisation method costs on val: quality, the largest change of a probability, size."""
    table = table[table["method"] != "pytorch"]
    columns = ("roc_auc_change", "val_ece", "val_specificity", "largest_change", "megabytes")
    changes = {"roc_auc_change": "change in ROC-AUC", "largest_change": "largest change of p"}
    headings = {**METRIC_NAMES, **changes, "megabytes": "MB"}
    methods = [str(name).replace("_", " ") for name in table["method"]]
    y = np.arange(len(table))[::-1]
    color = LOOKS[0][0]
    with canvas(11, 1 + 0.26 * len(table), columns=len(columns)) as (figure, axes):
        for axis, column in zip(axes, columns, strict=True):
            axis.axvline(table[column].iloc[0], color=INK, linewidth=0.8, linestyle=":")
            for height, (_, row) in zip(y, table.iterrows(), strict=True):
                face = color if row["passes"] == "yes" else "none"
                marker, size = ("*", 9) if row["chosen"] == "yes" else ("o", 5)
                if f"{column}_low" in row:
                    ends = [row[f"{column}_low"], row[f"{column}_high"]]
                    axis.plot(ends, [height, height], color=color, linewidth=1.2)
                axis.plot(row[column], height, marker, color=color, markerfacecolor=face, markersize=size)
            axis.set_yticks(y, methods if axis is axes[0] else [""] * len(table))
            axis.grid(alpha=0.3)
            name = column.removeprefix("val_")
            axis.set_xlabel(headings.get(name, name))
    return figure
