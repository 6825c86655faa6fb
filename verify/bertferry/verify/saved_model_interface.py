"""What can be called in a SavedModel, read from its files without TensorFlow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from bertferry.convert.bundle import SavedInterfaceMessage
from bertferry.core.errors import DataError, UsageError
from bertferry.core.onnx_files.interface import Dimensions
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.verify.interface import Interface

SAVED_MODEL = "saved_model.pb"


class SavedModelInterface:
    """The signatures of a SavedModel, and the functions with which its objects are called.

    Raises:
      UsageError: there is none in the folder.
      DataError: it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        check_saved_model(folder)
        try:
            model = SavedInterfaceMessage.FromString((folder / SAVED_MODEL).read_bytes())
        except (OSError, DecodeError) as error:
            raise DataError(f"{folder}: not a loadable SavedModel: {error}") from error
        # With variables of TensorFlow 1, the graph for inference is the one with the fewest tags.
        graphs = sorted(model.meta_graphs, key=lambda graph: len(graph.info.tags))
        self._graph = graphs[0] if graphs else None

    def signature(self, name: str) -> Interface | None:
        """A signature, None if there is no such one."""
        for entry in () if self._graph is None else self._graph.signatures:
            if entry.key == name:
                inputs, outputs = entry.value.inputs, entry.value.outputs
                return Interface(*({at.key: _sizes(at.value.shape) for at in ats} for ats in (inputs, outputs)))
        return None

    def call(self, child: str = "") -> Interface | None:
        """The function with which the root, or a child of it, is called with a dict or a list of inputs.

        None if it cannot be called. A list stands for the inputs of an encoder, and so do two outputs of it.
        """
        interfaces = [_interface(function) for function in self._functions(child)]
        return max(interfaces, key=lambda interface: len(interface.outputs), default=None)

    def _functions(self, child: str) -> Iterator[Any]:
        """The traced forms of a call."""
        if self._graph is None or not self._graph.objects.nodes:
            return
        nodes, node = self._graph.objects.nodes, self._graph.objects.nodes[0]
        for name in (*([child] if child else []), "__call__"):
            places = [at.node_id for at in node.children if at.local_name == name]
            if not places or not 0 <= places[0] < len(nodes):
                return
            node = nodes[places[0]]
        functions = {entry.key: entry.value for entry in self._graph.objects.functions}
        yield from (functions[name] for name in node.function.names if name in functions)


def _interface(function: Any) -> Interface:  # noqa: ANN401 - protobuf creates the class at run time
    """The names and sizes of a traced call: its inputs are the first argument."""
    arguments = function.inputs.tuple.values
    first = next(iter(arguments[0].tuple.values), None) if arguments else None
    inputs = {} if first is None else _tensors(first)
    if first is not None and not first.HasField("dict"):
        inputs = dict(zip(ENCODER_INPUTS, inputs.values(), strict=False))
    outputs = _tensors(function.outputs)
    if not function.outputs.HasField("dict"):
        outputs = dict(zip(("pooled_output", "sequence_output"), outputs.values(), strict=False))
    return Interface(inputs, outputs)


def _tensors(structure: Any) -> dict[str, Dimensions]:  # noqa: ANN401 - protobuf creates the class at run time
    """The sizes of the tensors in a dict by their keys, or in a list by their places."""
    if structure.HasField("dict"):
        items = {entry.key: entry.value for entry in structure.dict.fields}
    else:
        items = {str(at): value for at, value in enumerate((*structure.list.values, *structure.tuple.values))}
    return {
        name: _sizes(value.tensor.shape) if value.HasField("tensor") else None for name, value in items.items()
    }


def check_saved_model(folder: Path) -> None:
    """Refuses a folder that is no SavedModel, and names those of TensorFlow Serving in it.

    Raises:
      UsageError: naming them.
    """
    if not (folder / SAVED_MODEL).is_file():
        raise UsageError(f"{folder}: not a SavedModel: it contains no {SAVED_MODEL}{versions_in(folder)}")


def versions_in(folder: Path) -> str:
    """The end of a message: which folders in this one are SavedModels, such as versions of TensorFlow Serving."""
    versions = sorted(found.parent for found in folder.glob(f"*/{SAVED_MODEL}"))
    return f"; it has {', '.join(map(str, versions))}" if versions else ""


def _sizes(shape: Any) -> Dimensions:  # noqa: ANN401 - protobuf creates the class at run time
    return None if shape.unknown_rank else tuple(None if at.size < 0 else at.size for at in shape.dim)
