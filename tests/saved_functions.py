"""Small SavedModels and the ONNX files exported from them, run side by side."""

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from closeness import assert_close

from bertferry.export import OnnxOptions, export_onnx
from bertferry.export.onnx.subgraphs import all_graphs


def spec(name, *shape, dtype=tf.float32):
    """A float32 input whose first dimension is free, unless a shape is given."""
    return tf.TensorSpec(shape or [None, 4], dtype, name)


def normal(*shape, seed=1):
    """A seeded variable."""
    return tf.Variable(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def save(path, function, specs, *tracked):
    """Saves a function of tensors with these specs as the default signature."""
    module = tf.Module()
    module.tracked = list(tracked)
    module.serve = tf.function(function, input_signature=specs, autograph=False)
    tf.saved_model.save(module, str(path), {"serving_default": module.serve})
    return path


class Exported:
    """The ONNX file of a SavedModel's default signature, and what both compute."""

    def __init__(self, saved, file, **options):
        self.report = export_onnx(file, OnnxOptions(**options), saved_model=saved)
        self.model = onnx.load(file)
        self._signature = tf.saved_model.load(str(saved)).signatures["serving_default"]
        self._session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    @property
    def operations(self):
        """The operations at every depth, with repetitions."""
        return [node.op_type for graph in all_graphs(self.model.graph) for node in graph.node]

    def expected(self, **inputs):
        """What TensorFlow computes."""
        given = {name: tf.constant(value) for name, value in inputs.items()}
        return {name: value.numpy() for name, value in self._signature(**given).items()}

    def run(self, **inputs):
        """What ONNX Runtime computes."""
        names = [value.name for value in self._session.get_outputs()]
        given = {value.name: np.asarray(inputs[value.name]) for value in self._session.get_inputs()}
        return dict(zip(names, self._session.run(names, given), strict=True))

    def check(self, profile="fp32", **inputs):
        """Asserts that both compute the same within a profile, NaN and infinities included, of the same type."""
        got, want = self.run(**inputs), self.expected(**inputs)
        assert got.keys() == want.keys()
        for name, value in want.items():
            assert (got[name].dtype, got[name].shape) == (value.dtype, value.shape)
            finite = np.isfinite(value) if value.dtype.kind == "f" else np.zeros(value.shape, bool)
            np.testing.assert_array_equal(got[name][~finite], value[~finite])
            assert_close(got[name][finite], value[finite], profile)
        return got
