"""Rewrite the parts of README.md and docs/ that are drawn from tracked files, and README's figure.

    melanoma-kd readme

A part stands between <!-- name --> and <!-- /name -->. The stages are DVC's own diagram of dvc.yaml; the results are
HAM10000's, from metrics/ham10000: the evaluation's tables and what `compare_published` and `benchmark` put beside
them. The demo's numbers stay out: they mean nothing.
"""

import re
from pathlib import Path

from networkx import DiGraph, transitive_reduction

from stages.foundation import command
from stages.foundation.files import write_text, writing
from stages.reporting.markdown import Results, comparison_rows, draw_figure, every_model, results, shown

README, RESULTS = Path("README.md"), Path("docs/results.md")
FIGURE = Path("docs/figures/deployment.svg")
HAM10000 = Path("metrics/ham10000")


def diagram() -> str:
    """Return DVC's flowchart of dvc.yaml in Mermaid, a sweep as one box, without the arrows that others imply."""
    drawn = command.dvc("dag", "--md", "--collapse-foreach-matrix")
    if drawn.returncode != 0:
        raise ValueError(f"dvc dag: {drawn.stderr.strip()}")
    names = dict(re.findall(r'(node\d+)\["([^"]+)"\]', drawn.stdout))
    arrows = [(names[writer], names[reader]) for writer, reader in re.findall(r"(node\d+)-->(node\d+)", drawn.stdout)]
    needed = sorted(transitive_reduction(DiGraph(arrows)).edges)
    return "\n".join(["```mermaid", "flowchart LR", *(f"    {a} --> {b}" for a, b in needed), "```"])


def replace_part(text: str, name: str, content: str) -> str:
    """Return the text with what stands between the part's two markers replaced; ValueError without the markers."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"wanted the markers <!-- {name} --> and <!-- /{name} -->")
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def render(found: Results) -> dict[Path, str]:
    """Return every file that is drawn, as the tracked files have it now."""
    parts = {
        README: {
            "stages": diagram(),
            "results": results(found),
            "shown": shown(found, difference=True),
            "not shown": shown(found, difference=False),
        },
        RESULTS: {"models": every_model(found), "comparisons": comparison_rows(found.comparisons)},
    }
    drawn = {FIGURE: draw_figure(found)}
    for path, contents in parts.items():
        drawn[path] = path.read_text(encoding="utf-8")
        for name, content in contents.items():
            drawn[path] = replace_part(drawn[path], name, content)
    return drawn


def main() -> None:
    for path, text in render(Results(HAM10000)).items():
        with writing(path) as (partial,):
            write_text(partial, text)


if __name__ == "__main__":
    command.run(main)
