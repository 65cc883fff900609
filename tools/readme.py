"""Rewrite the parts of README.md and docs/ that are drawn from tracked files, README's figure, schema and codemeta.

    make readme

A part stands between <!-- name --> and <!-- /name -->. The stages are DVC's own diagram of dvc.yaml for the demo, and
stay as they are while params.yaml names other data, which no stage draws; the results are HAM10000's, from
metrics/ham10000: the evaluation's tables, quantisation's, and what `compare_published`, `compare` and
`benchmark` put beside them, and in docs/history.md, from metrics/ham10000_architectures, those of the short run that
trained every architecture once. The demo's numbers stay out: they mean nothing.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from networkx import DiGraph, transitive_reduction

from stages.deployment.metadata import Metadata
from stages.foundation import command
from stages.foundation.files import write_text, writing
from stages.foundation.params import read_params
from stages.foundation.settings import DEMO, Data
from tools import readme_parts
from tools.clinic_table import clinic_table
from tools.codemeta import CODEMETA, codemeta
from tools.local_figure import local_figure
from tools.results import Results

README = Path("README.md")
RESULTS, USE, HISTORY = Path("docs/results.md"), Path("docs/use.md"), Path("docs/history.md")
FIGURE, LOCAL = Path("docs/figures/headline.svg"), Path("docs/figures/local.svg")
SCHEMA = Path("docs/metadata.schema.json")  # of what an exported file says of itself
HAM10000, EVERY_ARCHITECTURE = Path("metrics/ham10000"), Path("metrics/ham10000_architectures")


@dataclass(frozen=True)
class Params:
    data: Data


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


def render(results: Results, architectures: Results) -> dict[Path, str]:
    """Return the new text of README.md, of pages of docs/, the figure and the schema, by path; the rest is kept."""
    of_demo = read_params(Params).data.name == DEMO
    parts = {
        README: ({"stages": diagram()} if of_demo else {}) | {"results": readme_parts.headline_table(results)},
        RESULTS: {
            "models": readme_parts.model_table(results),
            "folds": readme_parts.fold_table(results.folder / "procedures.csv"),
            "shown": readme_parts.difference_table(results, significant=True),
            "not shown": readme_parts.difference_table(results, significant=False),
            "clinics": clinic_table(results),
            "runtimes": readme_parts.runtime_table(results),
        },
        HISTORY: {"architectures": readme_parts.architecture_table(architectures)},
        USE: {"methods": readme_parts.method_table(results.folder / "run/quantization.csv")},
    }
    schema = json.dumps(Metadata.model_json_schema(), indent=2, ensure_ascii=False)
    texts = {
        FIGURE: readme_parts.headline_figure(results),
        LOCAL: local_figure(results.folder / "local.csv"),
        SCHEMA: f"{schema}\n",
        CODEMETA: codemeta(),
    }
    for path, contents in parts.items():
        texts[path] = path.read_text(encoding="utf-8")
        for name, content in contents.items():
            texts[path] = replace_part(texts[path], name, content)
    return texts


def main() -> None:
    for path, text in render(Results(HAM10000), Results(EVERY_ARCHITECTURE)).items():
        with writing(path) as (partial,):
            write_text(partial, text)


if __name__ == "__main__":
    command.run(main)
