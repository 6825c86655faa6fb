"""Export checkpoints and SavedModels as ONNX graphs."""
