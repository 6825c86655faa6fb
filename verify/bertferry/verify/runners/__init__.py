"""Runners that need TensorFlow, one module a kind of artifact."""
