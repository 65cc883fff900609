"""Rewrite the parts of README.md that are drawn from tracked files. A command, no stage.

    python -m stages.commands.readme

A part stands between <!-- name --> and <!-- /name -->: the stages, drawn from dvc.yaml, and the results on HAM10000,
from metrics/ham10000: the evaluation's tables and what `compare_published` and `benchmark` put beside them. The
demo's numbers stay out: they mean nothing.
"""

import json
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from stages.foundation import command
from stages.foundation.files import write_text, writing
from stages.foundation.params import read_yaml
from stages.reporting.drawing import METRIC_NAMES, readable
from stages.reporting.findings import signed
from stages.reporting.page import models_table, with_interval
from stages.reporting.report_tables import HEADLINE

README = Path("README.md")
RESULTS = Path("metrics/ham10000")
CALIBRATED = "ECE after Platt scaling"
PAIRED = (
    "Paired, on the same images of the holdout: the first minus the second, with p by the bootstrap over lesions (Holm "
    "within each family of tests); **better** or **worse** where a difference is shown, and of ECE less is better."
)
COMPARED = ("roc_auc", "average_precision", "ece")
SPEED = ["MB", "ms p50 (p95)"]


def stage_diagram(pipeline: dict[str, Any]) -> str:
    """Return a Mermaid flowchart: one box per stage, an arrow where one reads what another writes.

    Sweeps are one box; check_params, which everything waits for, is left out.
    """
    stages = {name: stage.get("do", stage) for name, stage in pipeline["stages"].items() if name != "check_params"}
    outs = {name: _paths(stage, "outs", "metrics", "plots") for name, stage in stages.items()}
    lines = [f'    {name}["{name}{_sweep(pipeline["stages"][name])}"]' for name in stages]
    for reader, stage in stages.items():
        deps = _paths(stage, "deps")
        lines += [f"    {writer} --> {reader}" for writer in stages if writer != reader and _feeds(outs[writer], deps)]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def results(folder: Path) -> str:
    """Return the headline numbers of the models shown in detail, with intervals, and what the paired tests say.

    With published.csv and deployment.csv, which commands write, it stands beside what was published, with size and
    speed on the machine of machine.json; without them it does not.
    """
    if not (folder / "models.csv").is_file():
        return "No results on HAM10000 are committed yet: the full run is still to be made."
    models = pd.read_csv(folder / "models.csv", dtype={"at": str})
    comparisons = pd.read_csv(folder / "comparisons.csv")
    calibration = pd.read_csv(folder / "calibration.csv").query("calibration == 'platt' and metric == 'ece'")
    after = calibration.set_index("model")[["value", "low", "high"]]
    names = list(dict.fromkeys(pd.read_csv(folder / "referral.csv")["model"]))
    speed = deployed(folder / "deployment.csv")
    head = ["model", *HEADLINE, CALIBRATED, *SPEED]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *published_rows(folder / "published.csv")]
    for name, row in zip(names, models_table(models, names, HEADLINE), strict=True):
        lines.append("| " + " | ".join([*row, with_interval(*after.loc[name]), *speed.get(name, ["-", "-"])]) + " |")
    comparisons = pd.concat([comparisons, against_published(folder / "published_comparisons.csv", names[-1])])
    return "\n".join([*lines, "", *machine(folder / "machine.json"), *comparison_rows(comparisons)])


def published_rows(path: Path) -> list[str]:
    """Return a row per published model; it has no threshold from val and no calibration fitted there, so "-"."""
    if not path.is_file():
        return []
    table = pd.read_csv(path).query("model.str.startswith('published_') and at == 'all'")
    found = table.set_index(["model", "metric"])[["value", "low", "high"]]
    rows = []
    for name in dict.fromkeys(table["model"]):
        cells = [with_interval(*found.xs((name, metric))) if at == "all" else "-" for at, metric in HEADLINE.values()]
        rows.append("| " + " | ".join([readable(name), *cells, "-", "-", "-"]) + " |")
    return rows


def against_published(path: Path, model: str) -> pd.DataFrame:
    """Return the paired tests of one model, the last that is shown, against the published ones."""
    return pd.read_csv(path).query("model == @model") if path.is_file() else pd.DataFrame()


def comparison_rows(comparisons: pd.DataFrame) -> list[str]:
    """Return a row per pair: differences with interval, p (Holm) and, where one is shown, which way it goes."""
    wanted = {METRIC_NAMES[name]: name for name in COMPARED}
    head = ["model", "against", *(f"{name}, difference" for name in wanted)]
    lines = [PAIRED, "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for (model, reference), part in comparisons.query("at == 'all'").groupby(["model", "reference"], sort=False):
        rows = part.set_index("metric").to_dict("index")
        cells = [_difference(rows[name]) if name in rows else "-" for name in wanted.values()]
        lines.append("| " + " | ".join([readable(str(model)), readable(str(reference)), *cells]) + " |")
    return lines


def _difference(row: dict[Hashable, Any]) -> str:
    verdict = "" if row["verdict"].startswith("no") else f": **{row['verdict']}**"
    return (
        f"{signed(row['difference'])} ({signed(row['low'])} to {signed(row['high'])}), p {row['p_holm']:.3f}{verdict}"
    )


def deployed(path: Path) -> dict[str, list[str]]:
    """Return megabytes and milliseconds of each model, as `benchmark` measured it; none without its table."""
    if not path.is_file():
        return {}
    cells = {}
    for row in pd.read_csv(path).to_dict("records"):
        name = {"pytorch": row["model"], "onnx fp32": "student_fp32", "onnx int8": "student_int8"}.get(row["runtime"])
        if name is not None and (name == row["model"] or str(row["model"]).startswith("student_")):
            cells[str(name)] = [
                f"{row['megabytes']:.2f}",
                f"{row['ms_p50_1_thread']:.2f} ({row['ms_p95_1_thread']:.2f})",
            ]
    return cells


def machine(path: Path) -> list[str]:
    """Return the sentence that says where the times are from."""
    if not path.is_file():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    return [
        f"Times: one image, one thread, {found['processor']} with {found['instruction_set']}; PyTorch {found['torch']} "
        f"eager, but the ONNX file with onnxruntime {found['onnxruntime']}.",
        "",
    ]


def replace_part(text: str, name: str, content: str) -> str:
    """Return the text with what stands between the part's two markers replaced; ValueError without the markers."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{README}: wanted the markers <!-- {name} --> and <!-- /{name} -->")
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def render(text: str, pipeline: dict[str, Any], folder: Path) -> str:
    """Return README.md with every drawn part as the tracked files have it now; `folder`: metrics/ham10000."""
    return replace_part(replace_part(text, "stages", stage_diagram(pipeline)), "results", results(folder))


def main() -> None:
    text = render(README.read_text(encoding="utf-8"), read_yaml(Path("dvc.yaml")), RESULTS)
    with writing(README) as (partial,):
        write_text(partial, text)


def _paths(stage: dict[str, Any], *keys: str) -> list[str]:
    entries = [entry for key in keys for entry in stage.get(key, [])]
    paths = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
    return [re.sub(r"\$\{[^}]*\}", "*", path) for path in paths]


def _sweep(stage: dict[str, Any]) -> str:
    foreach = stage.get("foreach")
    return "" if foreach is None else " · one each of " + (foreach[2:-1] if isinstance(foreach, str) else "T × alpha")


def _feeds(outs: list[str], deps: list[str]) -> bool:
    """Whether one of the paths written is, or lies in, one of those read; a template matches any name in its place."""
    patterns = [re.escape(out).replace(r"\*", r"[^/]+") for out in outs]
    return any(
        re.fullmatch(pattern, dep) or _inside(out, dep)
        for pattern, out in zip(patterns, outs, strict=True)
        for dep in deps
    )


def _inside(out: str, dep: str) -> bool:
    return out.startswith(dep + "/") or (dep == "data/raw/*" and out.startswith("data/raw/"))


if __name__ == "__main__":
    command.run(main)
