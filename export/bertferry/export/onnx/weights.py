"""A graph without its weights, and the weights, each read when it is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # it imports TensorFlow, which a wrong flag must not wait for
    import tensorflow as tf


@dataclass(frozen=True)
class Weight:
    """An initializer to be: its name and shape in the ONNX graph, its type by NumPy's name, and its values."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], np.ndarray]


@dataclass(frozen=True)
class LiftedGraph:
    """A TensorFlow graph whose weights are placeholders.

    `inputs`, `outputs` and `named` (tensors that keep their names) map names to tensors of the graph, `weights`
    tensors of the graph to what they stand for.
    """

    graph: "tf.compat.v1.GraphDef"
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    named: Mapping[str, str]
    weights: Mapping[str, Weight]
