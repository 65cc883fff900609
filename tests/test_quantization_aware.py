"""The stage: the student trained on with rounding, and the file that computes on 8-bit numbers."""

import numpy as np
import onnx
import pandas as pd
from conftest import write_params
from safetensors.numpy import load_file

from stages import quantization_aware, quantize
from stages.deployment.deployed import open_deployed, run_of, score_pixels
from stages.deployment.session import open_session
from stages.foundation.pack import open_pack

OUTPUTS = ("models/demo/aware.onnx", "models/demo/aware.safetensors", "plots/demo/history/aware.csv")


def test_ranges_are_learned_and_the_file_rounds(tiny):
    moved = [value for name, value in load_file(tiny / OUTPUTS[1]).items() if name.endswith(".moved")]
    assert sum(np.abs(value).max() > 0 for value in moved) > len(moved) / 2
    kinds = [node.op_type for node in onnx.load(tiny / OUTPUTS[0]).graph.node]
    assert kinds.count("QuantizeLinear") == len(moved)
    assert len(pd.read_csv(tiny / OUTPUTS[2])) == 1  # epoch


def test_it_repeats_itself(tiny):
    before = [(tiny / path).read_bytes() for path in OUTPUTS]
    quantization_aware.main()
    assert [(tiny / path).read_bytes() for path in OUTPUTS] == before


def test_quantize_takes_it_as_a_method(tiny):
    write_params(tiny, quantize={"methods": ["aware_u8s8", "aware_s8s8"]})
    quantize.main()
    table = pd.read_csv(tiny / "metrics/demo/quantization.csv").set_index("method")
    assert table.loc["aware_u8s8", "chosen"] == "yes"
    assert table.loc["aware_s8s8", "largest_change"] < 0.5
    pixels = np.array(open_pack(tiny / "data/processed/demo/pack").pixels[:5])
    own = score_pixels(run_of(open_session(tiny / OUTPUTS[0], threads=1)), pixels, np.arange(5))
    student = open_deployed(tiny / "models/demo/onnx/student_int8.onnx", threads=1)
    assert (
        np.abs(student.run(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)["logits"] - own["logits"]).max()
        < 1e-5
    )
    assert student.metadata.decision.farthest > 0
