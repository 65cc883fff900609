"""The table of docs/results.md that asks each model about every clinic, one it never saw, and altered images."""

import pandas as pd

from stages.evaluation.roles import CONTROL_MODEL
from stages.reporting.labels import interval_text, label_of, read_questions, read_table, teacher_of
from stages.reporting.page import Table
from tools.results import Results

POOLED, WITHIN, NEVER_SEEN = "pooled", "within sources", ", never seen"  # columns; the last ends a source's
ALTERED, SILENCE = "altered, within sources", "melanomas missed in silence, altered"
FIFTEEN = "DermaMNIST-C"  # alterations, averaged over their strengths 1 to 3


def areas_by_question(results: Results) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Return column -> model -> value and interval: pooled, within sources, in each, in two never seen, and altered.

    All are ROC-AUC on the holdout but SILENCE, a share. A model that was not asked is not there. Never seen: students
    and teachers of other trainings, that lacked the source.
    """
    columns: dict[str, dict[str, tuple[float, float, float]]] = {}

    def put(column: str, table: pd.DataFrame) -> None:
        rows = table.to_dict("records")
        cells = {str(row["model"]): (float(row["value"]), float(row["low"]), float(row["high"])) for row in rows}
        columns.setdefault(column, {}).update(cells)

    areas = results.models.query("split == 'holdout' and metric == 'roc_auc'")
    put(POOLED, areas[areas["at"] == "all"])
    put(WITHIN, areas[areas["at"] == "within sources"])
    groups = read_table(results.folder / "run/evaluation/subgroups.csv", results.index)
    for source, table in groups.query("group == 'source' and metric == 'roc_auc'").groupby("level", sort=False):
        put(f"{source} ({table['melanomas'].iloc[0]} melanomas)", table)
    for source, table in never_seen(results).groupby("left_out", sort=False):
        put(f"{source}{NEVER_SEEN}", table)
    answers = read_questions(results.folder / "run/evaluation/stress.csv", results.index)
    own = answers["alterations averaged"].query("of == @FIFTEEN and strength == '1 to 3'").assign(model=results.int8)
    put(ALTERED, own[own["metric"] == "roc_auc_within"])
    put(SILENCE, own[own["metric"] == "missed_in_silence"])
    if "alterations compared" in answers:  # with the control and the teachers
        put(ALTERED, answers["alterations compared"].query("of == @FIFTEEN and metric == 'roc_auc_within'"))
    return columns


def clinic_table(results: Results) -> str:
    """Return `areas_by_question` as a table, a row a model, "-" where one was not asked."""
    columns = areas_by_question(results)
    rows = [
        [name, *(interval_text(*column[name]) if name in column else "-" for column in columns.values())]
        for name in asked(results)
    ]
    return Table(["model", *columns], rows).markdown()


def never_seen(results: Results) -> pd.DataFrame:
    """Return ROC-AUC in sources that other trainings left out, by label; no rows without `compare`'s table.

    Students' are means of two seeds, and stand with their means.
    """
    path = results.folder / "left_out.csv"
    if not path.is_file():
        return pd.DataFrame(columns=["left_out", "model", "value", "low", "high"])
    table = pd.read_csv(path).query("at == 'all' and metric == 'roc_auc' and changed == '-'")
    labels = dict(zip(results.index["model"], results.index["label"], strict=True))
    labels |= {name.removeprefix("student_"): results.over_seeds(name) for name in (results.selected, CONTROL_MODEL)}
    return table.assign(model=table["model"].map(labels))


def asked(results: Results) -> list[str]:
    """Return the labels of the table's models: teacher, student, int8, control, best baseline, the study's."""
    index = results.index
    students = [[results.over_seeds(name), label_of(index, model=name)] for name in (results.selected, CONTROL_MODEL)]
    rows = [teacher_of(index), *students[0], results.int8, *students[1], results.best_baseline()]
    return [*dict.fromkeys(rows), *results.published]
