"""Every figure of the report: what it shows, from which tracked table, and its drawing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stages.reporting import figures_cases as cases
from stages.reporting import figures_curves as lines
from stages.reporting import figures_models as models
from stages.reporting.drawing import as_svg
from stages.reporting.labels import label_of, labels_of

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Drawn:
    """One figure: its file's name, a caption with units and counts, the tables it is drawn from, and the SVG."""

    name: str
    caption: str
    source: str
    svg: str


def draw_all(tables: Tables, histories: Tables, index: pd.DataFrame) -> list[Drawn]:
    """Return every figure. tables: those of metrics/<name> and plots/<name> by stem; histories: by model.

    All of them name models by their labels, which index, the evaluation's model_index.csv, holds.
    """
    holdout = tables["predictions"][tables["predictions"]["split"] == "holdout"]
    n = f"n = {len(holdout)} images of {holdout['lesion_id'].nunique()} lesions, {holdout['melanoma'].sum()} melanomas"
    return [
        Drawn(name, caption.replace("{n}", n), source, as_svg(figure))
        for name, figure, source, caption in (
            *_models(tables, index),
            *_deployed(tables),
            *_curves(tables, index),
            *_probabilities(tables, index),
            *_cases(tables, index),
            (
                "training",
                lines.training(histories),
                "history/*.csv",
                "Training curves of each model: ROC-AUC on val of the averaged weights (solid, left) and training loss "
                "(dashed, right) by epoch; the dot is the epoch kept.",
            ),
        )
    ]


Entry = tuple[str, Figure, str, str]


def _models(tables: Tables, index: pd.DataFrame) -> Iterator[Entry]:
    yield (
        "model_comparison",
        models.model_comparison(tables["models"]),
        "models.csv",
        "Every model on the holdout ({n}): ROC-AUC, average precision and ECE with 95 % intervals.",
    )
    yield (
        "comparisons",
        models.comparisons(tables["comparisons"]),
        "comparisons.csv",
        "Paired differences in ROC-AUC on the holdout ({n}) with 95 % intervals.",
    )
    yield (
        "kd_effectiveness",
        models.kd_effectiveness(tables["models"], tables["comparisons"], index),
        "models.csv, comparisons.csv",
        "What distillation brings: each seed of a student and of its control, which has no teacher, "
        "and the difference of their means; holdout, {n}.",
    )
    yield (
        "kd_heatmaps",
        models.kd_heatmaps(tables["kd_ablation"]),
        "kd_ablation.csv",
        "Distillation by temperature T and weight α of the teacher, holdout ({n}); α = 0 is the control. F1 and "
        "sensitivity (recall) at 0.5.",
    )
    detailed = index[index["detail"] == "yes"]
    for name, label in zip(detailed["model"], detailed["label"], strict=True):
        yield (
            f"subgroups_{name}",
            models.subgroups(tables["subgroups"], label),
            "subgroups.csv",
            f"{label} by group of the holdout (melanomas of images in brackets), 95 % intervals; hollow under "
            "20 melanomas. Sensitivity and specificity at the operating point.",
        )


def _deployed(tables: Tables) -> Iterator[Entry]:
    yield (
        "quantization",
        models.quantization(tables["quantization"]),
        "quantization.csv",
        "Every quantisation method on val, where one is chosen, so without intervals; lines: fp32. Filled: passes the "
        "gate of size, ROC-AUC and ECE; a star: the one taken. Specificity at each file's own operating point.",
    )


def _curves(tables: Tables, index: pd.DataFrame) -> Iterator[Entry]:
    roc: dict[str, Any] = {"xlabel": "false positive rate (1 - specificity)", "ylabel": "sensitivity"}
    pr: dict[str, Any] = {"xlabel": "sensitivity (recall)", "ylabel": "positive predictive value (precision)"}
    band = "pointwise 95 % bands; holdout, {n}."
    drawn = lines.bands(tables["roc_band"], "false_positive_rate", **roc)
    yield "roc_band", drawn, "roc_band.csv", f"ROC with {band}"
    yield "pr_band", lines.bands(tables["pr_band"], "sensitivity", **pr), "pr_band.csv", f"Precision-recall with {band}"
    others = labels_of(index, detail="no")
    drawn = lines.small_panels(tables["roc"], others, "false_positive_rate", "sensitivity", **roc)
    yield "roc_others", drawn, "roc.csv", "ROC of the other models; holdout, {n}."
    drawn = lines.small_panels(tables["pr"], others, "sensitivity", "ppv", **pr)
    yield "pr_others", drawn, "pr.csv", "Precision-recall of the other models; holdout, {n}."


def _probabilities(tables: Tables, index: pd.DataFrame) -> Iterator[Entry]:
    names = labels_of(index, detail="yes")
    for kind in ("teacher", "student"):
        yield (
            f"thresholds_{kind}s",
            lines.threshold_curves(tables["thresholds"], labels_of(index, kind=kind)),
            "thresholds.csv",
            f"Sensitivity, specificity and F1 of the {kind}s by threshold; holdout, {{n}}.",
        )
    yield (
        "reliability",
        lines.reliability(tables["reliability"], names),
        "reliability.csv",
        "Reliability before (none) and after temperature and Platt scaling fitted on val, 15 bins; below, images per "
        "bin (log scale); holdout, {n}.",
    )
    yield (
        "confidence",
        lines.confidence(tables["confidence"], names),
        "confidence.csv",
        "How probabilities are distributed; images, on a symmetric log scale; holdout, {n}.",
    )
    benefit: dict[str, Any] = {"xlabel": "threshold probability", "ylabel": "net benefit per image"}
    yield (
        "decision_curve",
        lines.bands(tables["decision_curve"], "threshold", ylim=(-0.05, None), **benefit),
        "decision_curve.csv",
        "Decision curve of Platt-scaled probabilities (Vickers & Elkin 2006) with 95 % bands; holdout, {n}.",
    )
    errors: dict[str, Any] = {"xlabel": "share of images decided, surest first", "ylabel": "share of wrong decisions"}
    yield (
        "risk_coverage",
        lines.bands(tables["risk_coverage"], "share", ylim=(0, None), **errors),
        "risk_coverage.csv",
        "Error among the surest images, Platt-scaled probabilities decided at 0.5; holdout, {n}.",
    )


def _cases(tables: Tables, index: pd.DataFrame) -> Iterator[Entry]:
    names = labels_of(index, detail="yes")
    pair = (labels_of(index, role="distilling")[0], label_of(index, role="selected"))
    yield (
        "confusion",
        cases.confusion(tables["confusion"], names),
        "confusion.csv",
        "Images by diagnosis and decision, with the share of the diagnosis; holdout, {n}.",
    )
    yield (
        "teacher_student",
        cases.teacher_student(tables["predictions"], *pair),
        "predictions.csv",
        "Teacher and student image by image; lines at 0.5; holdout, {n}.",
    )
    yield (
        "agreement",
        cases.agreement(tables["agreement"]),
        "agreement.csv",
        "Who is right at 0.5: teacher, student, both or neither; holdout, {n}.",
    )
    yield (
        "referral",
        cases.referral(tables["referral"]),
        "referral.csv",
        "Benign, refer or suspicious by class-conditional conformal prediction from val; holdout, {n}.",
    )
    yield (
        "data_overview",
        cases.data_overview(tables["data_overview"]),
        "data_overview.csv",
        "All images by diagnosis, age in years, sex, site and confirmation, in each split.",
    )
