"""What every wing stands on: parameters, files, commands, ONNX sessions."""
