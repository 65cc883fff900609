"""docs/use.md's Python, run as it is printed there."""

import re

import numpy as np
import onnx
import pytest
from conftest import ROOT
from PIL import Image

from stages.commands.answering import answer_files
from stages.commands.main import main as melanoma_kd
from stages.deployment.deployed import open_deployed
from stages.deployment.metadata import RELEASED, metadata_of, write_metadata

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/use.md").read_text(encoding="utf-8"), re.DOTALL)


def photograph(transparent):
    drawn = np.random.default_rng(0).integers(60, 220, (6, 8, 3), np.uint8)
    photo = Image.fromarray(drawn).resize((480, 360), Image.Resampling.BICUBIC)
    if transparent:
        photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    return photo


def run_onnx(model, folder, photo):
    """Run the snippet on a file, and return what it found and what `predict` says."""
    photo.save(folder / "photo.jpg", format="PNG" if photo.mode == "RGBA" else "JPEG")  # told by its content
    names: dict[str, object] = {}
    code = (
        BLOCKS[0].replace("models/released/student_int8.onnx", str(model)).replace("photo.jpg", f"{folder}/photo.jpg")
    )
    exec(compile(code, "docs/use.md", "exec"), names)  # noqa: S102 - our own documentation
    student = open_deployed(model, threads=1)
    (answer,) = answer_files(student, [f"{folder}/photo.jpg"], 1)
    return names, answer, student.metadata.decision


@pytest.mark.parametrize("transparent", [False, True])
def test_the_onnx_snippet_says_of_the_released_file_what_predict_says(tmp_path, transparent):
    names, answer, decision = run_onnx(RELEASED, tmp_path, photograph(transparent))
    assert names["p"] == pytest.approx(answer.p_melanoma, abs=1e-4 if transparent else 1e-6)
    assert names["calibrated"] == pytest.approx(decision.calibration(answer.p_melanoma), abs=1e-4)
    assert names["distance"] == pytest.approx(answer.distance, rel=1e-2 if transparent else 1e-5)
    assert names["refused"] == decision.refused(np.array([answer.distance]))[0]


def test_the_onnx_snippet_refuses_what_predict_refuses(tiny):
    for farthest in (0.0, 1e9):
        model = onnx.load(tiny / "models/demo/onnx/student_fp32.onnx")
        metadata = metadata_of(model, "student")
        decision = metadata.decision.model_copy(update={"farthest": farthest})
        write_metadata(model, metadata.model_copy(update={"decision": decision}))
        onnx.save(model, tiny / "student.onnx")
        names, answer, decision = run_onnx(tiny / "student.onnx", tiny, photograph(False))
        assert names["p"] == pytest.approx(answer.p_melanoma, abs=1e-6)
        assert names["refused"] == decision.refused(np.array([answer.distance]))[0] == (farthest == 0.0)


def test_the_litert_snippet_gives_what_the_pipeline_reads(tiny):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="the extra `edge` is not installed")
    melanoma_kd(["export_mobile", "litert"])
    file = tiny / "build/mobile/demo/litert/student_fp32.tflite"
    size = open_deployed(file, threads=1).metadata.frame.size
    image = np.random.default_rng(0).random((1, 3, size, size), np.float32)
    names = {"Interpreter": interpreter.Interpreter, "image": image}
    exec(BLOCKS[1].replace("build/mobile/ham10000/litert/student_fp32.tflite", str(file)), names)  # noqa: S102
    ours = open_deployed(file, threads=1).run(image)
    assert np.array_equal(names["outputs"]["output_0"], ours["logits"])
    assert np.array_equal(names["outputs"]["output_1"].reshape(1), ours["distance"])
