"""Rows 24 and 25 of the fault list: only whole ONNX models in one file are opened."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from stages.deployment.session import open_session


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
    graphless = onnx.ModelProto(ir_version=10).SerializeToString()
    files = {"text": b"hello, I am no model", "cut": whole[:-20], "empty": b"", "graphless": graphless}
    for name, content in ((f"{stem}.onnx", content) for stem, content in files.items()):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: not an ONNX model, or a truncated one"):
            open_session(tmp_path / name, threads=1)


def test_external_data_is_refused_altogether(tmp_path, monkeypatch):
    """Wherever it hides, and though the file it names is there."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "secret.bin").write_bytes(np.ones(3, np.float32).tobytes())
    model = small_model(external=True)
    constant = small_model()
    node = helper.make_node("Constant", [], ["other"])
    node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(model.graph.initializer[0])
    constant.graph.node.append(node)
    function = small_model()
    function.functions.append(helper.make_function("own", "F", [], ["other"], [node], [helper.make_opsetid("", 20)]))
    training = small_model()
    training.training_info.add().algorithm.CopyFrom(constant.graph)
    branch = small_model()
    branch.graph.node.append(
        helper.make_node("If", ["c"], ["o"], then_branch=constant.graph, else_branch=constant.graph)
    )
    sparse = small_model()
    sparse.graph.sparse_initializer.add().values.CopyFrom(model.graph.initializer[0])
    for external in (model, constant, function, training, branch, sparse):
        with pytest.raises(ValueError, match="keeps tensors in other files"):
            open_session(external.SerializeToString(), threads=1)


def test_a_weight_only_model_is_folded_to_float():
    """Without this option of the session it runs 3.6 times as slowly (measured)."""
    for quantized in (False, True):
        model = small_model()
        if quantized:
            constants = [("scale", np.float32(1)), ("zero", np.uint8(0))]
            model.graph.initializer.extend(numpy_helper.from_array(np.array(value), name) for name, value in constants)
            model.graph.node.insert(0, helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"]))
        options = open_session(model.SerializeToString(), threads=1).get_session_options()
        if not quantized:
            assert options.get_session_config_entry("session.disable_quant_qdq") == "1"
        else:
            with pytest.raises(RuntimeError, match="disable_quant_qdq"):
                options.get_session_config_entry("session.disable_quant_qdq")


def test_a_model_that_onnxruntime_cannot_run_is_one_line(tmp_path):
    newer, unknown = small_model(), small_model()
    newer.opset_import[0].version = 99
    unknown.opset_import.append(helper.make_opsetid("my.domain", 1))
    unknown.graph.node[0].domain = "my.domain"
    for model in (newer, unknown):
        (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(ValueError, match=r"m\.onnx: [^\n]+$"):
            open_session(tmp_path / "m.onnx", threads=1)
