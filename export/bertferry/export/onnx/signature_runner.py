"""Runs a signature of a SavedModel on inputs of any kind."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from bertferry.export.onnx.lift import output_names
from bertferry.verify.runner import Arrays


class SignatureRunner:
    """A signature with the output names of its ONNX graph; it computes each batch once.

    `renamed` maps names in the graph to the signature's own.
    """

    shares_mask = False

    def __init__(
        self, name: str, function: tf.types.experimental.ConcreteFunction, renamed: Mapping[str, str]
    ) -> None:
        self.name = name
        self._function = function
        self._names = {old: new for new, old in renamed.items()}
        self._known: list[tuple[Arrays, dict[str, np.ndarray]]] = []

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs by name; raises whatever TensorFlow raises."""
        for known, outputs in self._known:
            if known is inputs:
                return outputs
        outputs = self.compute(inputs)
        self._known.append((inputs, outputs))
        return outputs

    def compute(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs, computed again."""
        specs = self._function.structured_input_signature[1]
        tensors = {name: tf.constant(inputs[name], spec.dtype) for name, spec in specs.items()}
        outputs = self._function(**tensors)
        values = [
            part for name in sorted(outputs) for part in tf.nest.flatten(outputs[name], expand_composites=True)
        ]
        named = zip(output_names(outputs), values, strict=True)
        return {self._names.get(name, name): _array(value) for name, value in named}


def _array(value: tf.Tensor) -> np.ndarray:
    """The values; texts as ONNX Runtime returns them."""
    array: np.ndarray = np.asarray(value.numpy())
    if value.dtype == tf.string:
        texts = [text.decode("utf-8", "surrogateescape") for text in np.asarray(array, object).ravel()]
        array = np.array(texts, object).reshape(array.shape)
    return array
