"""What verifying and exporting both do to ONNX files."""
