"""The stage: the student trained on with rounding, and the file that computes on 8-bit numbers."""

import numpy as np
import onnx
import pandas as pd
import torch
from conftest import KEY, write_params
from onnx import numpy_helper

from stages import quantization_aware, quantize
from stages.deployment.deployed import open_deployed, run_of, score_pixels
from stages.deployment.session import open_session
from stages.export.aware import Activation, make_aware, observe, settle
from stages.export.calibration import calibration_pixels
from stages.foundation.names import STUDENT
from stages.foundation.pack import open_pack
from stages.foundation.params import read_params
from stages.networks.dataset import open_dataset
from stages.networks.models import load_weights
from stages.networks.views import plain_view

OUTPUTS = ("models/demo/aware.onnx", "plots/demo/history/aware.csv")


def test_ranges_are_learned_and_the_file_rounds(tiny):
    params = read_params(quantization_aware.Params)
    dataset = open_dataset(tiny / "data/processed/demo", params.target)
    aware = make_aware(load_weights(tiny / f"models/demo/students/{KEY}.safetensors", architecture=STUDENT))
    pixels = calibration_pixels(dataset.train, quantization_aware.OBSERVED, params.aware.seed)
    observe(aware, plain_view(torch.from_numpy(pixels)))
    settle(aware)
    noted = [module.fixed[0] for module in aware.modules() if isinstance(module, Activation)]
    graph = onnx.load(tiny / OUTPUTS[0]).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    learned = [float(values[node.input[1]]) for node in graph.node if node.op_type == "QuantizeLinear"]
    assert len(learned) == len(noted)
    moved = [not np.isclose(sorted(noted), scale, rtol=1e-5).any() for scale in learned]
    assert sum(moved) > len(moved) / 2
    assert len(pd.read_csv(tiny / OUTPUTS[1])) == 1  # epoch


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
