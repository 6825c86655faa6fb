"""The network of a checkpoint in NumPy: in float32 or float64, on the CPU, for inference.

An implementation of its own: it shares no arithmetic with the Keras networks, Hub modules and ONNX graphs that are
compared with it, so that a mistake in one of them shows.
"""
