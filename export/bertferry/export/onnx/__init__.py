"""ONNX graphs of checkpoints and SavedModels."""
