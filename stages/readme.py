"""Rewrite the parts of README.md that are drawn from tracked files. A command, no stage.

    python -m stages.readme

A part stands between <!-- name --> and <!-- /name -->. Today there is one: the stages, drawn from dvc.yaml.
"""

import re
from pathlib import Path
from typing import Any

from stages.foundation import command
from stages.foundation.files import write_text, writing
from stages.foundation.params import read_yaml

README = Path("README.md")


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


def replace_part(text: str, name: str, content: str) -> str:
    """Return the text with what stands between the part's two markers replaced; ValueError without the markers."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{README}: wanted the markers <!-- {name} --> and <!-- /{name} -->")
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def render(text: str, pipeline: dict[str, Any]) -> str:
    """Return README.md with every drawn part as the tracked files have it now."""
    return replace_part(text, "stages", stage_diagram(pipeline))


def main() -> None:
    text = render(README.read_text(encoding="utf-8"), read_yaml(Path("dvc.yaml")))
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
