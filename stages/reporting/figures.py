"""Every figure of the report, in its order on the page, and the table that it is drawn from."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stages.reporting import figures_cases as cases
from stages.reporting import figures_curves as curves
from stages.reporting import figures_models as models
from stages.reporting.drawing import as_svg
from stages.reporting.labels import Tables, label_of, labels_of, teacher_of


def draw_all(tables: Tables, histories: Tables, index: pd.DataFrame) -> dict[str, str]:
    """Return every figure's SVG element by its name, for which report.html.j2 has a caption.

    tables: those of metrics/<name> and plots/<name> by stem; histories: by model. All of them name models by their
    labels, which index, the evaluation's model_index.csv, holds.
    """
    figures = dict((*_models(tables, index), *_curves(tables, index), *_cases(tables, index)))
    figures["training"] = curves.training(histories)
    return {name: as_svg(figure, name.replace("_", " ")) for name, figure in figures.items()}


def _models(tables: Tables, index: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    yield "model_comparison", models.model_comparison(tables["models"])
    yield "comparisons", models.comparisons(tables["comparisons"])
    if (tables["comparisons"]["family"] == models.AGAINST_CONTROL).any():  # not of a student that is the control
        yield "kd_effectiveness", models.kd_effectiveness(tables["models"], tables["comparisons"], index)
    yield "kd_heatmaps", models.kd_heatmaps(tables["ablation"])
    detailed = index[index["detail"] == "yes"]
    for name, label in zip(detailed["model"], detailed["label"], strict=True):
        yield f"subgroups_{name}", models.subgroups(tables["subgroups"], label)
    yield "quantization", models.quantization(tables["quantization"])
    yield "robustness", curves.robustness(tables["alterations"], tables["alterations averaged"])


def _curves(tables: Tables, index: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    names, others = (labels_of(index, detail=value) for value in ("yes", "no"))
    roc: dict[str, Any] = {"xlabel": "false positive rate (1 - specificity)", "ylabel": "sensitivity"}
    pr: dict[str, Any] = {"xlabel": "sensitivity (recall)", "ylabel": "positive predictive value (precision)"}
    yield "roc_band", curves.bands(tables["band_roc"], **roc)
    yield "pr_band", curves.bands(tables["band_precision_recall"], **pr)
    yield "roc_others", curves.small_panels(tables["roc"], others, "false_positive_rate", "sensitivity", **roc)
    yield "pr_others", curves.small_panels(tables["pr"], others, "sensitivity", "ppv", **pr)
    for kind in ("teacher", "student"):
        yield f"thresholds_{kind}s", curves.threshold_curves(tables["thresholds"], labels_of(index, kind=kind))
    yield "reliability", curves.reliability(tables["reliability"], names)
    yield "calibration_curve", curves.calibration(tables["band_calibration"])
    yield "confidence", curves.confidence(tables["confidence"], names)
    benefit: dict[str, Any] = {"xlabel": "threshold probability", "ylabel": "net benefit per image"}
    yield "decision_curve", curves.bands(tables["band_net_benefit"], ylim=(-0.05, None), **benefit)
    errors: dict[str, Any] = {"xlabel": "share of images decided, surest first", "ylabel": "share of wrong decisions"}
    yield "risk_coverage", curves.bands(tables["band_risk_coverage"], ylim=(0, None), **errors)


def _cases(tables: Tables, index: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    teacher, student = teacher_of(index), label_of(index, role="selected")
    yield "confusion", cases.confusion(tables["outcomes"], labels_of(index, detail="yes"))
    yield "teacher_student", cases.teacher_student(tables["predictions"], teacher, student)
    yield "agreement", cases.agreement(tables["agreement"])
    yield "referral", cases.referral(tables["referral"])
    yield "data_overview", cases.data_overview(tables["data_overview"])
