"""Rows 24 and 25 of the fault list: only whole ONNX models in one file are opened."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from stages.foundation.onnx_session import open_session


def small_model(*, external: bool = False) -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.ones(3, np.float32), "weight")
    if external:
        weight.data_location = TensorProto.EXTERNAL
        weight.ClearField("raw_data")
        weight.external_data.add(key="location", value="../secret.bin")
    value = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3])
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph(
        [helper.make_node("Add", ["image", "weight"], ["logits"])], "g", [value], [output], [weight]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_a_model_in_one_file_opens(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(small_model().SerializeToString())
    logits = open_session(path, threads=1).run(None, {"image": np.zeros((2, 3), np.float32)})[0]
    assert logits.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_other_files_are_refused_in_one_line(tmp_path):
    whole = small_model().SerializeToString()
    for name, content in (("text.onnx", b"hello, I am no model"), ("cut.onnx", whole[:-20])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: not an ONNX model, or a truncated one"):
            open_session(tmp_path / name, threads=1)


def test_external_data_is_refused_altogether():
    with pytest.raises(ValueError, match="keeps tensors in other files"):
        open_session(small_model(external=True).SerializeToString(), threads=1)
