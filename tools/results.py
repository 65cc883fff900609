"""The tables of a finished run that README.md and docs/ show, read once."""

from pathlib import Path

import pandas as pd

from stages.reporting.labels import label_of, labels_of, read_index, read_table, teacher_of
from stages.reporting.page import Columns, metric_rows

PUBLISHED = Path("metrics/published/models.csv")
RUNTIMES = {"pytorch": "teacher", "onnx fp32": "fp32", "onnx int8": "int8"}  # of deployment.csv, to kind or role


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

    def speed(self) -> dict[str, list[str]]:
        """Return megabytes and milliseconds, p50 with p95, of each model that `benchmark` timed.

        Of several teachers' mean their sums, without p95, which has none.
        """
        selected = label_of(self.index, role="selected")
        timed = self.deployment()
        distilling = timed["model"].isin(labels_of(self.index, role="distilling"))
        cells, teachers = {}, timed[distilling & (timed["runtime"] == "pytorch")]
        if len(teachers):
            sums = teachers[["megabytes", "ms_p50_1_thread"]].sum()
            cells[teacher_of(self.index)] = [f"{sums['megabytes']:.2f}", f"{sums['ms_p50_1_thread']:.1f}"]
        for row in timed.to_dict("records"):
            role = RUNTIMES.get(row["runtime"])
            if role and (role == "teacher" or row["model"] == selected):
                name = row["model"] if role == "teacher" else label_of(self.index, role=role)
                milliseconds = f"{row['ms_p50_1_thread']:.1f} ({row['ms_p95_1_thread']:.1f})"
                cells[name] = [f"{row['megabytes']:.2f}", milliseconds]
        return cells

    def deployment(self) -> pd.DataFrame:
        """Return deployment.csv, empty where `benchmark` did not run."""
        path = self.folder / "deployment.csv"
        columns = ["model", "runtime", "megabytes", "ms_p50_1_thread"]
        return read_table(path, self.index) if path.is_file() else pd.DataFrame(columns=columns)
