"""LiteRT files (`.tflite`) of checkpoints and SavedModels."""
