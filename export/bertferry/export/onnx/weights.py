"""A graph without its weights, and the weights, each of which is read when it is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # a wrong flag must be reported without loading TensorFlow
    import tensorflow as tf


@dataclass(frozen=True)
class Weight:
    """An initializer to write: name and shape in the ONNX graph, NumPy's name of its type, and a loader."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], np.ndarray]


@dataclass(frozen=True)
class LiftedGraph:
    """A TensorFlow graph whose weights are placeholders.

    `inputs`, `outputs` and `named` (tensors that keep their names) map names to tensors of the graph; `weights`
    maps placeholders of the graph to their weights.
    """

    graph: "tf.compat.v1.GraphDef"
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    named: Mapping[str, str]
    weights: Mapping[str, Weight]
