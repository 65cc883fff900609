"""What each way of asking the released student says of the port kit's pictures: the files, `predict`, the page."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from stages.commands.predict import REFUSED
from stages.deployment.decision import FLAGGED, NOT_FLAGGED
from stages.deployment.deployed import open_deployed
from stages.deployment.litert import LITERT
from stages.deployment.metadata import RELEASED
from tools.pictures import answered_page


class Said(NamedTuple):
    """What one port says of one picture; p: None where it shows none of a refused one."""

    refused: bool
    decision: str
    p: float | None


def by_file(path: Path, kit: Path, cases: list[dict[str, Any]]) -> Iterator[Said]:
    """Yield what an exported file says of the prepared pixels, at its own threshold."""
    student = open_deployed(path, threads=1)
    decision = student.metadata.decision
    for case in cases:
        answer = student.answers(np.asarray(Image.open(kit / case["prepared"]))[None])
        called = FLAGGED if decision.called(answer.p_melanoma)[0] else NOT_FLAGGED
        yield Said(bool(decision.refused(answer.distance)[0]), called, float(answer.p_melanoma[0]))


def by_predict(kit: Path, cases: list[dict[str, Any]]) -> Iterator[Said]:
    """Yield what `melanoma-kd predict` says of the pictures."""
    argv = [sys.executable, "-m", "stages.commands.main", "predict", "--show-refused", "--format", "json"]
    pictures = [str(kit / case["picture"]) for case in cases]
    process = subprocess.run([*argv, *pictures], capture_output=True, text=True, check=True)
    for line in process.stdout.splitlines():
        row = json.loads(line)
        yield Said(row["decision"] == REFUSED, row["decision"], row["p_melanoma"])


def by_page(kit: Path, cases: list[dict[str, Any]]) -> Iterator[Said]:
    """Yield what the page says of the pictures in a headless Chromium; ValueError without one."""
    with answered_page([kit / case["picture"] for case in cases]) as browser:
        for card in browser.find_elements("css selector", "article"):
            p, decision = (card.get_attribute(f"data-{name}") for name in ("p", "decision"))
            yield Said(card.get_attribute("data-refused") == "true", decision or "", float(p) if p else None)


def compare(kit: Path) -> pd.DataFrame:
    """Return (port, picture, decision, p, change, agrees), a row for each port that can be asked here.

    kit: its folder; change: p minus the kit's, "-" where none is shown; agrees: refused as in the kit, and if not, with
    its decision.
    """
    cases = json.loads((kit / "kit.json").read_text(encoding="utf-8"))["cases"]
    ports: dict[str, Callable[[], Iterator[Said]]] = {
        "ONNX Runtime": lambda: by_file(RELEASED, kit, cases),
        "LiteRT": lambda: by_file(RELEASED.with_suffix(LITERT), kit, cases),
        "predict": lambda: by_predict(kit, cases),
        "the page": lambda: by_page(kit, cases),
    }
    rows = []
    for name, ask in ports.items():
        try:
            said = list(ask())
        except (ValueError, OSError) as error:
            print(f"{name}: not asked, {error}")
            continue
        for case, found in zip(cases, said, strict=True):
            agrees = found.refused == case["refused"] and (found.refused or found.decision == case["decision"])
            shown = ["-", "-"] if found.p is None else [round(found.p, 6), round(found.p - case["p"], 6)]
            decision = REFUSED if found.refused else found.decision
            rows.append([name, case["picture"], decision, *shown, "yes" if agrees else "no"])
    return pd.DataFrame(rows, columns=["port", "picture", "decision", "p", "change", "agrees"])
