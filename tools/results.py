"""The tables of a finished run that README.md and docs/ show, read once."""

import re
from pathlib import Path

import pandas as pd

from stages.reporting.labels import label_of, labels_of, read_index, read_table
from stages.reporting.page import Columns, metric_rows

PUBLISHED = Path("metrics/published/models.csv")


class Results:
    """The tables below metrics/<name> that README and docs/ are drawn from, models by their labels.

    published: labels of the published models, whose metrics on the same holdout stand among `models` and whose
    comparisons with the int8 file stand among `comparisons` once `compare_published` ran; published_student: the
    student among them.
    """

    def __init__(self, folder: Path, published: Path = PUBLISHED) -> None:
        self.folder = folder
        self.index = read_index(folder / "run/evaluation")
        self.int8 = label_of(self.index, role="int8")
        labels = pd.read_csv(published)
        self.published = list(labels["label"])
        self.published_student = label_of(labels, kind="student")
        self.models = read_table(folder / "run/evaluation/models.csv", self.index)
        self.comparisons = read_table(folder / "run/evaluation/comparisons.csv", self.index)
        names = pd.concat([self.index, labels])
        if (folder / "published_comparisons.csv").is_file():
            comparisons = read_table(folder / "published_comparisons.csv", names)
            self.comparisons = pd.concat([self.comparisons, comparisons[comparisons["model"] == self.int8]])
        if (folder / "published.csv").is_file():
            models = read_table(folder / "published.csv", names).assign(split="holdout")
            self.models = pd.concat([self.models, models[models["model"].isin(self.published)]])

    def rows(self, names: list[str], columns: Columns) -> list[list[str]]:
        """Return `metric_rows` of those models that were evaluated.

        Published models have no predictions for val, hence no operating point: there they have "-".
        """
        evaluated = set(self.models["model"])
        return metric_rows(self.models, [name for name in names if name in evaluated], columns)

    @property
    def selected(self) -> str:
        """The selected student's name."""
        return str(self.index.set_index("role").loc["selected", "model"])

    def over_seeds(self, model: str) -> str:
        """Return the label of a student's mean over its seeds; of the student itself where it was trained once."""
        labels = self.index.set_index("model")["label"]
        means = labels[labels.index.str.fullmatch(rf"{re.escape(model)}, mean of \d+ seeds")]
        return str([*means, labels[model]][0])

    def best_baseline(self) -> str:
        """Return the label of the baseline with the highest ROC-AUC on val."""
        areas = self.models.query("split == 'val' and metric == 'roc_auc' and at == 'all'").set_index("model")["value"]
        return str(areas.loc[labels_of(self.index, kind="baseline")].astype(float).idxmax())

    def deployment(self) -> pd.DataFrame:
        """Return deployment.csv, empty where `benchmark` did not run."""
        path = self.folder / "deployment.csv"
        columns = ["model", "runtime", "megabytes", "ms_p50_1_thread"]
        return read_table(path, self.index) if path.is_file() else pd.DataFrame(columns=columns)
