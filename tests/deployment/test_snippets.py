"""docs/deployment.md's Python, run as it is printed there."""

import re
import shutil

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from stages.deployment.answering import answer_files
from stages.deployment.deployed import open_deployed
from stages.deployment.metadata import RELEASED

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/deployment.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A folder as the snippets expect it: the released file and a photograph, larger than the model's square."""
    (tmp_path / "models/released").mkdir(parents=True)
    shutil.copy(RELEASED, tmp_path / "models/released")
    drawn = np.random.default_rng(0).integers(60, 220, (6, 8, 3), np.uint8)
    Image.fromarray(drawn).resize((480, 360), Image.Resampling.BICUBIC).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_onnx_snippet_gives_the_probability_that_predict_gives(beside):
    names: dict[str, object] = {}
    exec(compile(BLOCKS[0], "docs/deployment.md", "exec"), names)  # noqa: S102 - our own documentation
    student = open_deployed(RELEASED, threads=1)
    (answer,) = answer_files(student, ["photo.jpg"], 1)
    assert names["p"] == pytest.approx(answer.p_melanoma, abs=1e-6)


def test_the_litert_snippet_gives_what_the_pipeline_reads(beside):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="the extra `edge` is not installed")
    file = ROOT / "build/mobile/demo/litert/student_fp32.tflite"
    if not file.is_file():
        pytest.skip("no .tflite: melanoma-kd export_mobile litert")
    size = open_deployed(file, threads=1).metadata.frame.size
    image = np.random.default_rng(0).random((1, 3, size, size), np.float32)
    names = {"Interpreter": interpreter.Interpreter, "image": image}
    exec(BLOCKS[1].replace("build/mobile/ham10000/litert/student_fp32.tflite", str(file)), names)  # noqa: S102
    ours = open_deployed(file, threads=1).run(image)
    assert np.array_equal(names["outputs"]["output_0"], ours["logits"])
    assert np.array_equal(names["outputs"]["output_1"].reshape(1), ours["distance"])
