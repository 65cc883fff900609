"""Clinics that a run's models never saw: what each reaches there, and which of two is better."""

from collections.abc import Mapping

import pandas as pd

from stages.commands.comparison.procedures import ITS_OWN, Procedure, compare_procedures, score_procedures
from stages.evaluation.scores import ALL, OPERATING_POINT, stack, trials_of
from stages.foundation.settings import Evaluate
from stages.statistics.intervals import Estimates, draw_sample, interval
from stages.statistics.metrics import UNBOUNDED

MEAN = "mean of sources"  # describes these, and no others
SHOWN = [
    *((ALL, metric) for metric in ("roc_auc", "average_precision", "mean_specificity", "log_loss")),
    *((OPERATING_POINT, metric) for metric in ("sensitivity", "specificity")),
    (ITS_OWN, "specificity"),
]


def on_common_images(ways: Mapping[str, Procedure]) -> dict[str, Procedure]:
    """Return ways of training whose holdouts hold the images alone that all of a source's have.

    Those that train on some of the source's lesions are scored on the others, so that all are on what none has seen.
    """
    several = list(zip(*(way.folds for way in ways.values()), strict=True))  # the tables of a source together
    common = [
        set.intersection(*(set(table.query("split == 'holdout'")["image_id"]) for table in tables))
        for tables in several
    ]
    return {
        name: Procedure(
            way.kd,
            [
                table[(table["split"] == "val") | table["image_id"].isin(images)]
                for table, images in zip(way.folds, common, strict=True)
            ],
        )
        for name, way in ways.items()
    }


def compare_left_out(
    ways: Mapping[str, Procedure], sources: list[str], settings: Evaluate
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the metrics of every model in each source that it never saw, and the tests of compare_procedures there.

    sources: of the ways' tables, in order. Metrics of students are means over seeds, after a single pass.
    """
    ways, metrics, tests = on_common_images(ways), {}, {}
    for number, source in enumerate(sources):
        here = {name: Procedure(way.kd, [way.folds[number]]) for name, way in ways.items()}
        scores = score_procedures(here, settings)
        tests[source] = compare_procedures(here, scores, settings)
        for (name, model, ending), estimates in scores.items():
            if not ending:
                metrics[source, name, model] = _metrics(here[name], estimates, settings)
    if len(sources) > 1:
        tests[MEAN] = compare_procedures(ways, score_procedures(ways, settings), settings)
    return stack(metrics, "left_out", "changed", "model"), stack(tests, "left_out").drop(columns="folds")


def _metrics(way: Procedure, estimates: Estimates, settings: Evaluate) -> pd.DataFrame:
    """Return the metrics SHOWN of one model on the only holdout of a way of training."""
    holdout = way.folds[0].query("split == 'holdout'")
    sample = draw_sample(holdout, replicates=1, seed=settings.seed)  # its counts alone are read
    trials = trials_of(sample, None)
    counts = {"images": len(sample.labels), "melanomas": int(sample.labels.sum())}
    return pd.DataFrame(
        {"at": at, "metric": metric}
        | interval(estimates[at, metric], bounded=metric not in UNBOUNDED, trials=trials.get(metric, 0))
        | counts
        for at, metric in SHOWN
    )
