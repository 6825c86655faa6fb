"""Runners, one module per kind of artifact, and how TensorFlow functions run on a device."""
