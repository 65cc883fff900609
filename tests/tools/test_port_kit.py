"""The kit by which ports of the released student test themselves: ours pass it, in Python and in JavaScript."""

import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

from stages.deployment.deployed import open_deployed
from stages.deployment.metadata import RELEASED
from stages.foundation.files import sha256_file
from tools.port_kit import KIT, answer

CONTENT = json.loads((KIT / "kit.json").read_text())
CASES = CONTENT["cases"]


def test_it_is_of_the_released_file_and_shows_each_kind_of_answer():
    assert CONTENT["sha256"] == sha256_file(RELEASED)
    assert CONTENT["decision"] == open_deployed(RELEASED, 1).metadata.decision.model_dump()
    assert [(case["decision"], case["refused"]) for case in CASES] == [
        ("flagged", False),
        ("not flagged", False),
        ("not flagged", True),
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["picture"])
def test_the_pipeline_says_what_the_kit_says(case, tmp_path):
    student = open_deployed(RELEASED, 1)
    found = answer(student, KIT / case["picture"], tmp_path / "prepared.png")
    prepared = [np.asarray(Image.open(path), int) for path in (tmp_path / "prepared.png", KIT / case["prepared"])]
    assert np.abs(prepared[0] - prepared[1]).max() <= 3
    for name in ("p", "calibrated"):
        assert found[name] == pytest.approx(case[name], abs=0.02)
    assert {name: found[name] for name in ("refused", "decision", "band")} == {
        name: case[name] for name in ("refused", "decision", "band")
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["picture"])
def test_the_python_of_the_docs_passes(case):
    (code, *_) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/use.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    code = code.replace("models/released/student_int8.onnx", str(RELEASED))
    exec(code.replace("photo.jpg", str(KIT / case["picture"])), names)  # noqa: S102 - our own documentation
    assert names["p"] == pytest.approx(case["p"], abs=0.02)
    assert names["calibrated"] == pytest.approx(case["calibrated"], abs=0.02)
    assert (bool(names["refused"]), names["called"], names["band"]) == (case["refused"], case["decision"], case["band"])


def test_the_javascript_of_the_page_passes():
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    program = """
        import { readFileSync } from "node:fs";
        import { decide, isRefused, probability } from "DECIDE";
        const kit = JSON.parse(readFileSync("KIT")), melanoma = kit.classes.indexOf("mel");
        console.log(JSON.stringify(kit.cases.map(({ logits, distance }) => {
          const p = probability(logits, melanoma);
          return { p, refused: isRefused(distance, kit.decision), ...decide(p, kit.decision) };
        })));
    """
    program = program.replace("DECIDE", (ROOT / "web/decide.js").as_uri()).replace("KIT", str(KIT / "kit.json"))
    argv = ["node", "--no-warnings", "--experimental-default-type=module", "--input-type=module", "--eval", program]
    process = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    for found, case in zip(json.loads(process.stdout), CASES, strict=True):
        for name in ("p", "calibrated"):
            assert found[name] == pytest.approx(case[name], abs=1e-3)
        assert {name: found[name] for name in ("refused", "decision", "band")} == {
            name: case[name] for name in ("refused", "decision", "band")
        }


def test_every_port_that_was_asked_agrees_with_the_kit():
    table = pd.read_csv(ROOT / "metrics/ham10000/ports.csv", na_values="-")
    assert {"ONNX Runtime", "predict", "the page"} <= set(table["port"])
    assert (table["agrees"] == "yes").all()
    assert (table[table["port"] != "LiteRT"]["change"].abs().fillna(0) < 1e-3).all()
