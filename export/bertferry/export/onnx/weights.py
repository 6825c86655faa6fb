"""The weights of a graph, each of which is read when it is written."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Weight:
    """An initializer to write: name and shape in the ONNX graph, NumPy's name of its type, and a loader."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], np.ndarray]
