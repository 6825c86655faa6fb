"""Runs LiteRT files in LiteRT's interpreter.

That of `ai-edge-litert`, not `tf.lite.Interpreter`, which TensorFlow announces to remove:
https://ai.google.dev/edge/litert/migration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bertferry.core.errors import DataError, UsageError, first_line
from bertferry.verify.interface import Interface
from bertferry.verify.kinds import SIGNATURE
from bertferry.verify.runner import Arrays

if TYPE_CHECKING:  # an extra
    from ai_edge_litert.interpreter import Interpreter

Details = Mapping[str, Any]
"""What the interpreter tells of a tensor: `index`, `name`, `dtype`, `shape`, `shape_signature`, `quantization`."""


class LitertRunner:
    """A signature of a file; a file without signatures under the names of its tensors.

    Integers that stand for floats are returned as these.
    """

    def __init__(self, path: Path, signature: str | None = None, *, shares_mask: bool) -> None:
        self.name = str(path)
        self.shares_mask = shares_mask
        self._path, self._signature = path, signature
        self._function: _Function | None = None

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs by name.

        An interpreter that failed keeps failing on inputs that it takes: the next run has a new one.
        """
        function = self._function or _open(self._path, self._signature)
        self._function = None
        missing = [name for name in function.inputs if name not in inputs]
        if missing:
            raise ValueError(f"the graph also takes {', '.join(missing)}: map these names with --map")
        given = {name: inputs[name].astype(tensor["dtype"]) for name, tensor in function.inputs.items()}
        values = function.call(given)
        self._function = function
        return {name: _plain(values[name], tensor) for name, tensor in function.outputs.items()}


def find_interface(path: Path, signature: str | None = None) -> Interface:
    """What the file takes and returns.

    Raises:
      DataError: LiteRT cannot load it.
      UsageError: it has no such signature, or several.
    """
    function = _open(path, signature)
    for name, tensor in function.inputs.items():
        if tensor["quantization"][0]:
            raise UsageError(f"{path}: its input {name} is quantized: only inputs that are plain numbers are run")
    sides = (function.inputs, function.outputs)
    takes, returns = ({name: _dimensions(tensor) for name, tensor in side.items()} for side in sides)
    return Interface(takes, returns)


@dataclass(frozen=True)
class _Function:
    """The inputs and outputs by name, and what computes them."""

    inputs: Mapping[str, Details]
    outputs: Mapping[str, Details]
    call: Callable[[Arrays], Mapping[str, np.ndarray]]


def _open(path: Path, signature: str | None) -> _Function:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_path=str(path))
        signatures = list(interpreter.get_signature_list())
    except (ValueError, RuntimeError) as error:
        raise DataError(f"{path}: LiteRT cannot load it: {first_line(error)}") from error
    if not signatures and signature is None:
        return _without_signature(interpreter)
    runner = interpreter.get_signature_runner(_choose(path, signatures, signature))
    return _Function(runner.get_input_details(), runner.get_output_details(), lambda given: runner(**given))


def _choose(path: Path, signatures: list[str], wanted: str | None) -> str:
    """The signature that is wanted, `serving_default`, or the only one."""
    chosen = wanted or (signatures[0] if len(signatures) == 1 else SIGNATURE)
    if chosen not in signatures:
        have = ", ".join(signatures) or "none"
        raise UsageError(f"{path}: no signature {chosen!r}: it has {have}")
    return chosen


def _without_signature(interpreter: "Interpreter") -> _Function:
    inputs = {tensor["name"]: tensor for tensor in interpreter.get_input_details()}
    outputs = {tensor["name"]: tensor for tensor in interpreter.get_output_details()}

    def call(given: Arrays) -> dict[str, np.ndarray]:
        for name, tensor in inputs.items():
            interpreter.resize_tensor_input(tensor["index"], given[name].shape)
        interpreter.allocate_tensors()
        for name, tensor in inputs.items():
            interpreter.set_tensor(tensor["index"], given[name])
        interpreter.invoke()
        return {name: interpreter.get_tensor(tensor["index"]) for name, tensor in outputs.items()}

    return _Function(inputs, outputs, call)


def _dimensions(tensor: Details) -> tuple[int | None, ...]:
    return tuple(None if size < 0 else int(size) for size in tensor["shape_signature"])


def _plain(values: np.ndarray, tensor: Details) -> np.ndarray:
    """Texts as ONNX Runtime returns them; the numbers for which quantized ones stand.

    https://ai.google.dev/edge/litert/models/quantization_spec has the formula.
    """
    if values.dtype.kind in "OS":
        texts = [text.decode("utf-8", "surrogateescape") for text in values.ravel().tolist()]
        return np.array(texts, object).reshape(values.shape)
    scale, zero = tensor["quantization"]
    if not scale or values.dtype.kind not in "iu":
        return values
    return ((values.astype(np.float32) - zero) * scale).astype(np.float32)
