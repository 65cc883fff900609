"""Rewrite the parts of README.md and docs/ that are drawn from tracked files, and README's figure.

    melanoma-kd readme

A part stands between <!-- name --> and <!-- /name -->. The stages are DVC's own diagram of dvc.yaml for the demo, and
stay as they are while params.yaml names other data, which no stage draws; the results are
HAM10000's, from metrics/ham10000: the evaluation's tables and what `compare_published`, `compare_procedures` and
`benchmark` put beside them. The demo's numbers stay out: they mean nothing.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from networkx import DiGraph, transitive_reduction

from stages.foundation import command
from stages.foundation.files import write_text, writing
from stages.foundation.params import read_params
from stages.foundation.settings import DEMO, Data
from stages.reporting.drawing import as_svg, on_white
from stages.reporting.figures_models import DEPLOYMENT, deployment
from stages.reporting.labels import difference_text, label_of, labels_of, metric_name, read_table, teacher_of
from stages.reporting.page import Table
from stages.reporting.report_tables import HEADLINE_HEADS
from stages.reporting.results import Results
from stages.reporting.verdicts import DIFFERENT, claim_text

README, RESULTS = Path("README.md"), Path("docs/results.md")
FIGURE = Path("plots/ham10000/deployment.svg")
HAM10000 = Path("metrics/ham10000")
PAIRED = (
    "Paired, on the same images of the holdout: the first minus the second, with a 95 % interval and p by the "
    "bootstrap over lesions (Holm within each family of tests); **better** or **worse** where a difference is shown. "
    "Of ECE and Brier score less is better."
)


@dataclass(frozen=True)
class Params:
    data: Data


def headline_table(results: Results) -> str:
    """Return README's table: what was published, the teacher, the student, its control and the int8 file.

    Below it stands a sentence on the machine, where `benchmark` ran.
    """
    names = [
        results.published_student,
        teacher_of(results.index),
        label_of(results.index, role="selected"),
        *labels_of(results.index, role="control"),
        results.int8,
    ]
    speed = results.speed()
    columns = {name: key for name, key in HEADLINE_HEADS.items() if name != "ECE"} | {
        "ECE, calibrated": ("platt", "ece")
    }
    rows = [[name, *cells, *speed.get(name, ["-", "-"])] for name, *cells in results.rows(names, columns)]
    table = Table(["model", *columns, "MB", "ms, p50 (p95)"], rows).markdown()
    path = results.folder / "machine.json"
    if not path.is_file():
        return table + "\n"
    machine = json.loads(path.read_text(encoding="utf-8"))
    return (
        f"{table}\n\nTimes: one image, one thread, {machine['processor']} with {machine['instruction_set']}; teachers "
        f"and students in PyTorch {machine['torch']} eager, ONNX files in onnxruntime {machine['onnxruntime']}, where "
        f"the {teacher_of(results.index)} takes {results.teacher_ms()} ms."
    )


def difference_list(results: Results, *, significant: bool) -> str:
    """Return a line per pair of `principal_pairs`, with the metrics whose verdict is better or worse, or with others.

    Of the others, ROC-AUC and average precision alone are listed: what the pair was compared for. Where a margin is
    set, what is shown of it follows.
    """
    lines = []
    for (model, reference), pair in principal_pairs(results).groupby(["model", "reference"], sort=False):
        different = pair["verdict"].isin(DIFFERENT)
        rows = pair[different if significant else ~different & pair["metric"].isin(["roc_auc", "average_precision"])]
        metrics = [
            f"{metric_name(row['metric'])} {difference_text(row)}{', ' + row['verdict'] if significant else ''}"
            f"{claim_text(row)}"
            for row in rows.to_dict("records")
        ]
        if metrics:
            lines.append(f"- {model} against {reference}: {'; '.join(metrics)}.")
    return "\n".join(lines)


def principal_pairs(results: Results) -> pd.DataFrame:
    """Return the comparisons README lists: with teacher, control, fp32, best baseline, published student."""
    table = results.comparisons
    auc = results.models.query("split == 'holdout' and at == 'all' and metric == 'roc_auc'").set_index("model")["value"]
    best = auc.loc[labels_of(results.index, kind="baseline")].idxmax()
    families = ["student against teacher", "distillation against control, all seeds", "int8 against fp32"]
    principal = table["family"].isin(families) | table["reference"].isin([best, results.published_student])
    return table[principal & table["at"].isin(["all", "operating point"])]


def fold_list(path: Path) -> str:
    """Return what `compare_procedures` found of distillation, a line per way of training, one pass as on a phone."""
    if not path.is_file():
        return "Distilling against training alone, over the folds of train and val: not measured yet."
    lines = []
    for changed, rows in pd.read_csv(path).query("turns == 1").groupby("changed", sort=False):
        first, by_metric = rows.iloc[0], rows.set_index("metric").to_dict("index")
        metrics = [
            f"{metric_name(name)} {difference_text(by_metric[name])}, {by_metric[name]['verdict']}"
            for name in ("log_loss", "average_precision", "roc_auc")
        ]
        way = "" if changed == "-" else f" ({changed!s})"
        teachers = first["teachers"].replace(" ", " and ")
        lines.append(
            f"- Distilling ({first['model']}, from {teachers}) against training alone{way}, {first['folds']} folds of "
            f"train and val, {first['seeds']} seeds each, {first['size']} px: {'; '.join(metrics)}."
        )
    return "\n".join(lines)


def comparison_table(comparisons: pd.DataFrame) -> str:
    """Return the whole table of paired tests: a row per pair, a column per metric that no threshold decides."""
    metrics = ["roc_auc", "average_precision", "brier_score", "ece"]
    rows = []
    for (model, reference), pair in comparisons.query("at == 'all'").groupby(["model", "reference"], sort=False):
        cells = dict.fromkeys(metrics, "-")
        for row in pair.to_dict("records"):
            verdict = f": **{row['verdict']}**" if row["verdict"] in DIFFERENT else ""
            cells[row["metric"]] = difference_text(row, f", p = {row['p_holm']:.3f}") + verdict
        rows.append([str(model), str(reference), *(cells[name] for name in metrics)])
    head = ["model", "against", *(f"{metric_name(name)}, difference" for name in metrics)]
    return f"{PAIRED}\n\n{Table(head, rows).markdown()}"


def model_table(results: Results) -> str:
    """Return the headline numbers of every model on the holdout, published ones first."""
    rows = results.rows([*results.published, *results.index["label"]], HEADLINE_HEADS)
    return Table(["model", *HEADLINE_HEADS], rows).markdown()


def diagram() -> str:
    """Return DVC's flowchart of dvc.yaml in Mermaid, a sweep as one box, without the arrows that others imply."""
    graph = command.dvc("dag", "--md", "--collapse-foreach-matrix")
    if graph.returncode != 0:
        raise ValueError(f"dvc dag: {graph.stderr.strip()}")
    names = dict(re.findall(r'(node\d+)\["([^"]+)"\]', graph.stdout))
    arrows = [(names[writer], names[reader]) for writer, reader in re.findall(r"(node\d+)-->(node\d+)", graph.stdout)]
    direct = sorted(transitive_reduction(DiGraph(arrows)).edges)
    return "\n".join(["```mermaid", "flowchart LR", *(f"    {a} --> {b}" for a, b in direct), "```"])


def replace_part(text: str, name: str, content: str) -> str:
    """Return the text with what stands between the part's two markers replaced; ValueError without the markers."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"wanted the markers <!-- {name} --> and <!-- /{name} -->")
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def render(results: Results) -> dict[Path, str]:
    """Return the new text of README.md, docs/results.md and the figure, by path; the rest of each file is kept."""
    of_demo = read_params(Params).data.name == DEMO
    parts = {
        README: ({"stages": diagram()} if of_demo else {})
        | {
            "results": headline_table(results),
            "folds": fold_list(results.folder / "procedures.csv"),
            "shown": difference_list(results, significant=True),
            "not shown": difference_list(results, significant=False),
        },
        RESULTS: {"models": model_table(results), "comparisons": comparison_table(results.comparisons)},
    }
    speed = read_table(results.folder / "deployment.csv", results.index)
    texts = {FIGURE: on_white(as_svg(deployment(speed, results.index), DEPLOYMENT))}
    for path, contents in parts.items():
        texts[path] = path.read_text(encoding="utf-8")
        for name, content in contents.items():
            texts[path] = replace_part(texts[path], name, content)
    return texts


def main() -> None:
    for path, text in render(Results(HAM10000)).items():
        with writing(path) as (partial,):
            write_text(partial, text)


if __name__ == "__main__":
    command.run(main)
