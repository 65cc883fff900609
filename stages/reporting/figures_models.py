"""Figures that compare models by their numbers: all of them, the distillation grid, paired differences, groups."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from stages.reporting.drawing import INK, LOOKS, canvas, intervals
from stages.reporting.labels import METRIC_NAMES, label_of, labels_of

DEPLOYMENT_AXES = {"megabytes": "file size, MB", "ms_p50_1_thread": "time for one image, ms, one thread"}
RUNTIMES = {"pytorch": "PyTorch", "onnx fp32": "ONNX fp32", "onnx int8": "ONNX int8"}


def model_comparison(models: pd.DataFrame) -> Figure:
    """Return ROC-AUC, average precision and ECE of every model on the holdout, with intervals."""
    holdout = models[(models["split"] == "holdout") & (models["at"] == "all")]
    names = list(dict.fromkeys(holdout["model"]))
    with canvas(9, 1.2 + 0.24 * len(names), columns=3) as (figure, axes):
        for axis, metric in zip(axes, ("roc_auc", "average_precision", "ece"), strict=True):
            found = holdout[holdout["metric"] == metric].set_index("model").loc[names]
            intervals(axis, found, names)
            axis.set_xlabel(METRIC_NAMES.get(metric, metric))
        for axis in axes[1:]:
            axis.set_yticklabels([])
    return figure


def comparisons(table: pd.DataFrame) -> Figure:
    """Return the paired differences in ROC-AUC, with intervals and corrected p."""
    found = table[table["metric"] == "roc_auc"].rename(columns={"difference": "value"})
    names = [f"{m}\nminus {r}" for m, r in zip(found["model"], found["reference"], strict=True)]
    with canvas(8, 1 + 0.42 * len(names)) as (figure, (axis,)):
        intervals(axis, found, names)
        axis.axvline(0, color=INK, linewidth=0.8)
        for y, (_, row) in zip(np.arange(len(names))[::-1], found.iterrows(), strict=True):
            axis.annotate(
                f"p = {row['p_holm']:.3f}",
                (1.01, y),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8,
            )
        axis.set_xlabel("difference in ROC-AUC on the holdout (p corrected by Holm within its family)")
    return figure


def kd_effectiveness(models: pd.DataFrame, table: pd.DataFrame, index: pd.DataFrame) -> Figure:
    """Return every seed of the repeated student and of the control, and the difference of their means."""
    pair = table[(table["family"].str.contains("all seeds")) & (table["metric"] == "roc_auc")]
    holdout = models[(models["split"] == "holdout") & (models["metric"] == "roc_auc")].set_index("model")
    with canvas(8, 3.2, columns=2) as (figure, (left, right)):
        if pair.empty:
            return figure
        row = pair.iloc[0]
        runs = [run for name in (row["model"], row["reference"]) for run in seeds_of(index, name)]
        intervals(left, holdout.loc[runs], runs)
        left.set_xlabel("ROC-AUC on the holdout")
        intervals(right, pair.rename(columns={"difference": "value"}), ["distilled minus control,\nmean of seeds"])
        right.axvline(0, color=INK, linewidth=0.8)
        right.set_xlabel(f"difference in ROC-AUC, p = {row['p_holm']:.3f}")
    return figure


def seeds_of(index: pd.DataFrame, mean: str) -> list[str]:
    """Return the students whose seeds a mean is of."""
    cell = index[index["label"] == mean].iloc[0]
    return labels_of(index, kind="student", temperature=cell["temperature"], alpha=cell["alpha"])


def kd_heatmaps(ablation: pd.DataFrame) -> Figure:
    """Return ROC-AUC, PR-AUC, F1, recall and ECE over temperature and alpha; the control is alpha 0."""
    shown = ("roc_auc", "pr_auc", "f1", "sensitivity", "ece")
    with canvas(11, 2.6, columns=len(shown)) as (figure, axes):
        for axis, metric in zip(axes, shown, strict=True):
            grid = ablation.pivot(index="temperature", columns="alpha", values=metric)
            axis.imshow(grid, cmap="cividis", aspect="auto")
            middle = np.nanmean(grid.to_numpy())
            for (y, x), value in np.ndenumerate(grid.to_numpy()):
                if np.isfinite(value):
                    colour = "white" if value < middle else "black"
                    axis.text(x, y, f"{value:.3f}", ha="center", va="center", color=colour)
            axis.set_xticks(range(len(grid.columns)), [f"{alpha:g}" for alpha in grid.columns])
            axis.set_yticks(range(len(grid.index)), [f"{T:g}" for T in grid.index])
            axis.set(title=METRIC_NAMES.get(metric, metric), xlabel="α")
        axes[0].set_ylabel("T")
    return figure


def subgroups(table: pd.DataFrame, model: str) -> Figure:
    """Return one model's ROC-AUC, sensitivity and specificity by group; hollow where melanomas are few."""
    own = table[table["model"] == model]
    rows = own[["group", "level", "images", "melanomas", "few"]].drop_duplicates()
    names = [f"{r.group}: {r.level} ({r.melanomas} of {r.images})" for r in rows.itertuples()]
    with canvas(10, 1 + 0.24 * len(rows), columns=3) as (figure, axes):
        for axis, metric in zip(axes, ("roc_auc", "sensitivity", "specificity"), strict=True):
            found = own[own["metric"] == metric].set_index(["group", "level"])
            for y, row in enumerate(rows[::-1].itertuples()):
                if (row.group, row.level) not in found.index:
                    continue
                value, low, high = found.xs((row.group, row.level))[["value", "low", "high"]].to_numpy(float)
                colour, _, marker = LOOKS[0]
                face = colour if row.few == "-" else "none"
                axis.plot([low, high], [y, y], color=colour, linewidth=1.2)
                axis.plot(value, y, marker, color=colour, markerfacecolor=face, markersize=4)
            axis.set_yticks(np.arange(len(rows))[::-1], names if axis is axes[0] else [""] * len(rows))
            axis.set_ylim(-0.6, len(rows) - 0.4)
            axis.grid(axis="x", alpha=0.3)
            axis.set_xlabel(METRIC_NAMES.get(metric, f"{metric} at the operating point"))
    return figure


def quantization(table: pd.DataFrame) -> Figure:
    """Return what each quantisation method costs on val: quality, the largest change of a probability, size."""
    table = table[table["method"] != "pytorch"]
    shown = ("val_roc_auc", "val_ece", "val_specificity", "largest_change", "megabytes")
    y = np.arange(len(table))[::-1]
    colour = LOOKS[0][0]
    with canvas(11, 1 + 0.26 * len(table), columns=len(shown)) as (figure, axes):
        for axis, column in zip(axes, shown, strict=True):
            axis.axvline(table[column].iloc[0], color=INK, linewidth=0.8, linestyle=":")
            for height, (_, row) in zip(y, table.iterrows(), strict=True):
                face = colour if row["passes"] == "yes" else "none"
                taken = row["chosen"] == "yes"
                axis.plot(row[column], height, "*" if taken else "o", color=colour, markerfacecolor=face,
                          markersize=9 if taken else 5)  # fmt: skip
            names = [str(name).replace("_", " ") for name in table["method"]]
            axis.set_yticks(y, names if axis is axes[0] else [""] * len(table))
            axis.grid(alpha=0.3)
            name = column.removeprefix("val_")
            axis.set_xlabel(
                {**METRIC_NAMES, "largest_change": "largest change of p", "megabytes": "MB"}.get(name, name)
            )
    return figure


def deployment_rows(table: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of deployment.csv to draw: scored ones, of students the selected one alone."""
    drawn = [*labels_of(index, kind="teacher"), label_of(index, role="selected")]
    return table[(table["roc_auc"] != "-") & table["model"].isin(drawn)]


def deployment(table: pd.DataFrame) -> Figure:
    """Return ROC-AUC on the holdout, with intervals, against file size and latency, both on log scales.

    table: one row per point, `deployment_rows`.
    """
    with canvas(10, 4.4, columns=2) as (figure, axes):
        for axis, (column, label) in zip(axes, DEPLOYMENT_AXES.items(), strict=True):
            for number, row in enumerate(table.to_dict("records")):
                colour, _, marker = LOOKS[number % len(LOOKS)]
                value, low, high = (float(row[name]) for name in ("roc_auc", "roc_auc_low", "roc_auc_high"))
                name = f"{row['model']}, {RUNTIMES.get(row['runtime'], row['runtime'])}"
                axis.errorbar(row[column], value, yerr=[[value - low], [high - value]], fmt=marker, color=colour,
                              capsize=2, markersize=6, linewidth=1.2, label=name)  # fmt: skip
            axis.set(xscale="log", xlabel=label)
            axis.margins(x=0.08)
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.grid(alpha=0.3)
        axes[0].set_ylabel("ROC-AUC on the holdout, 95 % interval")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure
