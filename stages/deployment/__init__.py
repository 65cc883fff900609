"""Open, describe and use a deployed ONNX file: session, metadata and decision. No torch, no pandas."""
