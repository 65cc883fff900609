"""Make every table that follows from an evaluation's frozen files again, and compare it cell by cell.

The functions are the ones that evaluate_holdout uses; where scikit-learn has a metric, that is asked, too.
"""

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from stages.commands.state import Finding
from stages.evaluation.evaluation import Evaluation
from stages.evaluation.frozen import read_farthest, read_frozen, read_images, read_stress
from stages.evaluation.plot_data import overview, plot_data
from stages.evaluation.scores import ALL
from stages.evaluation.stress import stress
from stages.evaluation.tables import TABLES
from stages.foundation.probability import CLIP
from stages.foundation.settings import Evaluate

RUN = "run"  # the folder of metrics/<name> that `make keep-run` writes
DIGITS = 6  # of a number in these tables
TOLERANCE = 1.01e-6  # of a number below 1: its last digit; of larger ones that of theirs
SKLEARN = {
    "roc_auc": roc_auc_score,
    "average_precision": average_precision_score,
    "log_loss": lambda y, p: log_loss(y, np.clip(p, CLIP, 1 - CLIP)),
    "brier_score": brier_score_loss,
}


def recompute(run: Path, settings: Evaluate) -> Iterator[Finding]:
    """Yield a finding for each table of metrics/<name>/run, or of metrics/<name>, with a cell that does not come again.

    settings: `evaluate` of the parameters it was made by. What a kept run has not kept is said, and is no finding.
    """
    folder, kept = run / "evaluation", run.name == RUN
    curves = run / "curves" if kept else Path("plots", run.name, "data")
    answers = run / "stress" if kept else Path("models", run.name, "predictions/stress")
    evaluation = read_frozen(folder, settings)
    made = {folder / f"{name}.csv": build for name, build in TABLES.items()}
    for path, build in made.items():
        yield from compare(path, build(evaluation))
    if answers.is_dir():
        int8 = evaluation.roles.one("int8")
        table = stress(evaluation, read_farthest(folder, int8), read_stress(answers))
        yield from compare(folder / "stress.csv", table)
    else:
        print(f"{folder / 'stress.csv'}: not asked, as {answers} is not here")
    if kept and not curves.is_dir():
        print(f"{curves}: not kept")
    else:
        figures = plot_data(evaluation) | {"data_overview": overview(read_images(folder))}
        for name, table in figures.items():
            yield from compare(curves / f"{name}.csv", table)
    yield from ask_sklearn(folder / "models.csv", evaluation)


def compare(path: Path, table: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding where a table, written and read again, is not what stands in a file."""
    if not path.is_file():
        yield Finding(f"{path}: no such table", "dvc repro evaluate_holdout")
        return
    text = io.StringIO(table.to_csv(index=False, float_format=f"%.{DIGITS}g"))
    again, found = (pd.read_csv(source, dtype=str, keep_default_na=False) for source in (text, path))
    if list(again.columns) != list(found.columns) or len(again) != len(found):
        yield Finding(f"{path}: {len(found)} rows of other columns or another number of rows", f"git log -p {path}")
        return
    unlike = different(again.to_numpy(), found.to_numpy())
    print(f"{path}: {found.size} cells, {int(unlike.sum())} differ")
    if unlike.any():
        row, column = np.argwhere(unlike)[0]
        cell = " ".join(str(table.to_numpy()[row, column]) for table in (found, again))
        yield Finding(
            f"{path}: {int(unlike.sum())} cells differ, the first in row {row + 2}, {list(again)[column]}: {cell}",
            f"git diff {path}",
        )


def different(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return which cells, text (rows, columns), are neither equal nor numbers within TOLERANCE."""
    unlike = first != second
    for place in np.argwhere(unlike):
        try:
            a, b = (float(cells[tuple(place)]) for cells in (first, second))
        except ValueError:
            continue
        unlike[tuple(place)] = not close(a, b)
    return unlike


def close(a: float, b: float) -> bool:
    """Return whether two numbers differ by no more than one in the last digit that a table has of them."""
    return abs(a - b) <= TOLERANCE * 10 ** math.ceil(math.log10(max(abs(a), 1)))


def ask_sklearn(path: Path, evaluation: Evaluation) -> Iterator[Finding]:
    """Yield a finding for each of the metrics of SKLEARN that it computes otherwise."""
    models, cells = pd.read_csv(path, dtype={"at": str}), 0
    table = models[models["at"] == ALL].set_index(["model", "split", "metric"])["value"]
    for name, p in evaluation.p.items():
        for split, values in p.items():
            for metric, function in SKLEARN.items():
                expected, found = function(evaluation.samples[split].labels, values), table[name, split, metric]
                cells += 1
                if not close(expected, found):
                    yield Finding(f"{path}: {name}, {split}: {metric} {found}, scikit-learn {expected}", "git log -p")
    print(f"{path}: {cells} cells by scikit-learn")
