"""A trained student as ONNX files: graph, int8 weights, the quantisation ladder, the gate."""
