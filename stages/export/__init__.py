"""Export of a trained student to ONNX and its quantisation: the methods and the gate that chooses one."""
