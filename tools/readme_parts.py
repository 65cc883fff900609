"""The parts of README.md and docs/ that are drawn from a finished run's tables, in Markdown."""

from collections import Counter
from pathlib import Path
from statistics import mean

import pandas as pd

from stages.evaluation.roles import CONTROL_MODEL
from stages.foundation.names import ARCHITECTURES, CONTROL, parse_student, parse_teacher
from stages.foundation.params import PARAMS, read_yaml
from stages.reporting.drawing import LOOKS, as_svg, canvas, intervals, on_white
from stages.reporting.labels import (
    difference_text,
    interval_text,
    label_of,
    labels_of,
    metric_name,
    metric_text,
    teacher_of,
)
from stages.reporting.page import Table
from stages.reporting.report_tables import HEADLINE_HEADS
from stages.reporting.verdicts import DIFFERENT, claim_text
from tools.clinic_table import ALTERED, NEVER_SEEN, POOLED, WITHIN, areas_by_question
from tools.results import Results

HEADS = ["model", "ROC-AUC within one source", "over all images", "sources never seen", "altered images"]  # README's
ALONE = "the source alone, no image"
LISTED = [  # the metrics of "shown" and "not shown"
    ("within sources", "roc_auc"),
    *(("all", name) for name in ("roc_auc", "average_precision", "mean_specificity", "log_loss")),
    *((at, "log_loss") for at in ("platt", "platt from the holdout")),
]
SPEED_HEADS = ["MB", "ms, p50 (p95)"]


def principal(results: Results) -> dict[str, str]:
    """Return the models that README shows, by label -> what people call them."""
    teachers, index = len(labels_of(results.index, role="distilling")), results.index
    distilled, control = (results.over_seeds(name) for name in (results.selected, CONTROL_MODEL))
    seeds = distilled.removeprefix(label_of(index, model=results.selected))  # ", mean of 5 seeds", or nothing
    return {
        teacher_of(index): "teachers, their mean" if teachers > 1 else "teacher",
        distilled: f"student, distilled{seeds}",
        results.int8: "the released file: one of them, int8 weights",
        control: f"control: the student without a teacher{seeds}",
        results.published_student: "student of the original study",
    }


def headline_table(results: Results) -> str:
    """Return README's table: ROC-AUC within sources, over all, in sources never seen (their mean), on altered images.

    The first alone has its interval; docs/results.md has the others'. A model that was not asked has "-".
    """
    columns = areas_by_question(results)
    unseen = [column for name, column in columns.items() if name.endswith(NEVER_SEEN)]
    everywhere = set.intersection(*map(set, unseen)) if unseen else set[str]()
    means = {name: mean(column[name][0] for column in unseen) for name in everywhere}
    points = [{name: cell[0] for name, cell in columns[column].items()} for column in (POOLED, ALTERED)]
    points.insert(1, means)
    rows = []
    for label, name in (principal(results) | dict.fromkeys(labels_of(results.index, kind="source"), ALONE)).items():
        primary = interval_text(*columns[WITHIN][label]) if label in columns[WITHIN] else "-"
        rows.append([name, primary, *(f"{column[label]:.3f}" if label in column else "-" for column in points)])
    return Table(HEADS, rows).markdown()


def headline_figure(results: Results) -> str:
    """Return ROC-AUC within sources as a picture: an interval each, the teachers' as a band behind."""
    names = principal(results)
    models = results.models.query("split == 'holdout' and metric == 'roc_auc'")
    at = "within sources" if "within sources" in set(models["at"]) else "all"
    models = models[models["at"] == at].set_index("model")
    rows = models.loc[[name for name in names if name in models.index], ["value", "low", "high"]].astype(float)
    with canvas(7.2, 2.1) as (figure, (axis,)):
        intervals(axis, rows, [names[str(label)] for label in rows.index])
        axis.axvspan(*rows.iloc[0][["low", "high"]], alpha=0.08, color=LOOKS[0][0], linewidth=0)
        axis.set_xlabel(f"{metric_text({'at': at, 'metric': 'roc_auc'})}, holdout, 95 % interval")
    return on_white(
        as_svg(figure, "ROC-AUC within sources of teachers, student, released file, control and published student")
    )


def architecture_table(results: Results) -> str:
    """Return start weights, ROC-AUC, average precision, size and time of a run's teachers and selected student.

    A start is "random", "imagenet" or the name of a file, as in the run's own parameters.
    """
    init = read_yaml(results.folder / "run" / PARAMS.name)["init"]
    starts = {
        label: Path(start["file"]).name if isinstance(start, dict) else start
        for label, start in results.index.set_index("label")["architecture"].map(init).items()
    }
    names = [*labels_of(results.index, kind="teacher"), label_of(results.index, role="selected")]
    columns = {name: HEADLINE_HEADS[name] for name in ("ROC-AUC", "average precision")}
    timed = results.deployment().query("runtime == 'pytorch'").set_index("model").to_dict("index")
    speed = {
        name: [f"{row['megabytes']:.2f}", f"{row['ms_p50_1_thread']:.1f} ({row['ms_p95_1_thread']:.1f})"]
        for name, row in timed.items()
    }
    rows = [[name, starts[name], *cells, *speed.get(name, ["-", "-"])] for name, *cells in results.rows(names, columns)]
    return Table(["model", "start", *columns, *SPEED_HEADS], rows).markdown()


def runtime_table(results: Results) -> str:
    """Return size, memory and speed of every file that `benchmark` timed, teachers and the selected student."""
    rows = []
    for row in results.deployment().to_dict("records"):
        times = [f"{row[f'ms_p50_{n}']:.2f} ({row[f'ms_p95_{n}']:.2f})" for n in ("1_thread", "all_threads")]
        sizes = [f"{row['megabytes']:.2f}", f"{row['peak_megabytes']:.1f}"]
        ratio = f"{row['times_fp32_1_thread']:.2f}"
        rows.append([row["model"], row["runtime"], *sizes, *times, ratio, f"{row['images_per_second_1_thread']:.0f}"])
    heads = ["model", "runtime", "MB", "peak MB", "ms, one thread", "ms, all threads", "of ONNX fp32", "images/s"]
    return Table(heads, rows).markdown()


def method_table(path: Path) -> str:
    """Return what each quantisation method changes on val, its size, and whether it passes the gate or was taken.

    path: of quantization.csv.
    """
    rows = []
    for row in pd.read_csv(path).query("method not in ['pytorch', 'fp32']").to_dict("records"):
        change, low, high = (row[f"roc_auc_change{end}"] for end in ("", "_low", "_high"))
        difference = difference_text({"difference": change, "low": low, "high": high})
        passes = "yes, taken" if row["chosen"] == "yes" else row["passes"]
        rows.append([f"`{row['method']}`", difference, f"{row['val_ece']:.4f}", f"{row['megabytes']:.3f}", passes])
    return Table(["method", "ROC-AUC against fp32", "ECE", "MB", "passes"], rows).markdown()


def difference_table(results: Results, *, significant: bool) -> str:
    """Return a row per pair of `principal_pairs` and metric, of those whose verdict is better or worse, or of others.

    Of the others, ROC-AUC and average precision alone are listed: what the pair was compared for. Where a margin is
    set, what is shown of it stands beside the verdict.
    """
    rows = []
    for (model, reference), pair in principal_pairs(results).groupby(["model", "reference"], sort=False):
        different = pair["verdict"].isin(DIFFERENT)
        shown = pair[different if significant else ~different]
        for row in shown.to_dict("records"):
            interval = f"{row['low']:+.4f} to {row['high']:+.4f}"
            verdict = f"{row['verdict']}{claim_text(row)}"
            rows.append([f"{model} - {reference}", metric_text(row), f"{row['difference']:+.4f}", interval, verdict])
    return Table(["first - second", "metric", "difference", "95 % interval", "verdict"], rows).markdown()


def principal_pairs(results: Results) -> pd.DataFrame:
    """Return the comparisons README lists: with teacher, control, fp32, best baseline, published student."""
    table = results.comparisons
    families = ["student against teacher", "distillation against control, all seeds", "int8 against fp32"]
    principal = table["family"].isin(families) | table["reference"].isin(
        [results.best_baseline(), results.published_student]
    )
    listed = pd.Series(list(zip(table["at"], table["metric"], strict=True)), table.index).isin(LISTED)
    return table[principal & listed]


def fold_table(path: Path) -> str:
    """Return what `melanoma-kd compare` found, a row per pair of ways of training and metric, in a single pass."""
    if not path.is_file():
        return "Distilling against training alone, over the folds of train and val: not measured yet."
    found = pd.read_csv(path).query("turns == 1 and at == 'all'")
    found = found[(found["reference"] == CONTROL) | (found["changed"] != found["reference_changed"])]  # no teacher's
    rows = []
    for ways, table in found.groupby(["changed", "reference_changed"], sort=False):
        first, by_metric = table.iloc[0], table.set_index("metric").to_dict("index")
        way, reference = ("" if name == "-" else f", {name}" for name in ways)
        against = "training alone" if ways[0] == ways[1] else f"the same{reference}"
        student = parse_student(first["model"])
        architectures = Counter(parse_teacher(key).architecture for key in first["teachers"].split())
        teachers = " and ".join(f"{count} {ARCHITECTURES[name]}" for name, count in architectures.items())
        pair = f"distilling (T={student.T:g} α={student.alpha:g}, from {teachers}{way}) - {against}"
        size = f"{first['folds']} folds, {first['seeds']} seeds, {first['size']} px"
        for name in ("log_loss", "average_precision", "roc_auc"):
            row = by_metric[name]
            rows.append([pair, size, metric_name(name), difference_text(row), row["verdict"]])
    return Table(["first - second", "of", "metric", "difference (95 % interval)", "verdict"], rows).markdown()


def model_table(results: Results) -> str:
    """Return the headline numbers of the models on the holdout, published ones first; of repeats their means alone."""
    single = results.index[(results.index["kind"] != "turned") & (results.index["role"] != "repeat")]["label"]
    rows = results.rows([*results.published, *single], HEADLINE_HEADS)
    return Table(["model", *HEADLINE_HEADS], rows).markdown()
