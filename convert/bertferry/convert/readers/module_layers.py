"""The names of the variables that the layers of a Keras model store as a list if they hold a module.

`hub.KerasLayer` (https://github.com/tensorflow/hub/blob/master/tensorflow_hub/keras_layer.py) holds those in the
module's own lists, `TFSMLayer` (https://github.com/keras-team/keras/blob/v3.15.1/keras/src/export/tfsm_layer.py)
those that the functions capture which it calls: the trainable ones, then the others.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from bertferry.convert.bundle import SavedInterfaceMessage
from bertferry.convert.locate import locate
from bertferry.convert.model_config import LayerConfig
from bertferry.convert.readers.reader import StoredTensor
from bertferry.convert.readers.tensorflow import TensorFlowReader
from bertferry.core.errors import BertferryError, DataError, UsageError, first_line

ENDPOINTS = ("serve", "serve_training")
"""What a TFSMLayer calls in a module of this project."""
GROUP = re.compile(r"(?:.*/)?(?P<layer>(?P<kind>keras_layer|tfsm_layer)(?:_\d+)?)/vars")
"""The variables of such a layer in a file of Keras 3, or of Keras 2.12 and later."""
KINDS = {"keras_layer": "KerasLayer", "tfsm_layer": "TFSMLayer"}


def variables_of(layer: LayerConfig, path: Path) -> list[str]:
    """The names of a layer's variables in their order, for the file `path`.

    Raises:
      UsageError: its module is not there, or is none.
    """
    try:
        return _in_lists(layer.module) if layer.kind == "KerasLayer" else _captured(layer.module, layer.endpoints)
    except BertferryError as error:
        raise UsageError(
            f"{path}: its layer {layer.name} was created from {layer.module}, which identifies its variables: "
            f"{error.args[0]}",
            "if it is elsewhere now, name it with --config MODULE/MANIFEST.json",
        ) from error


def named(
    layer: LayerConfig, tensors: Mapping[str, StoredTensor], keys: Sequence[str], path: Path
) -> dict[str, StoredTensor]:
    """The tensors under these keys, which are the variables of a layer in their order, as `LAYER/NAME`.

    Raises:
      UsageError: its module is not there.
      DataError: the layer has other variables than the module.
    """
    names = variables_of(layer, path)
    if len(names) != len(keys) or any(key not in tensors for key in keys):
        raise DataError(
            f"{path}: its layer {layer.name} has {len(keys)} variables, {layer.module} {len(names)}: it was "
            "created from another module"
        )
    return {f"{layer.name}/{name}": tensors[key] for name, key in zip(names, keys, strict=True)}


def by_groups(
    tensors: Mapping[str, StoredTensor], layers: Iterable[LayerConfig], path: Path
) -> dict[str, StoredTensor]:
    """The variables of layers whose groups are named after their classes, in the order of the layers.

    Raises:
      UsageError: a module is not there.
      DataError: a layer has no variables, or others than its module.
    """
    found: dict[str, StoredTensor] = {}
    turns = dict.fromkeys(KINDS.values(), 0)
    kinds = {kind: group for group, kind in KINDS.items()}
    for layer in layers:
        turn = turns[layer.kind]
        turns[layer.kind] += 1
        ending = f"/{kinds[layer.kind]}{f'_{turn}' if turn else ''}/vars"
        group = next((name for name in groups_in(tensors) if name.endswith(ending)), None)
        if group is None:
            raise DataError(f"{path}: missing the variables of its {layer.kind} {layer.name}")
        found |= named(layer, tensors, keys_of(tensors, group), path)
    return found


def groups_in(tensors: Iterable[str]) -> list[str]:
    """The groups with the variables of such layers."""
    return list(dict.fromkeys(at for name in tensors if GROUP.fullmatch(at := name.rpartition("/")[0])))


def keys_of(tensors: Iterable[str], group: str) -> list[str]:
    """The numbered tensors of a group in their order."""
    numbers = [name.rpartition("/")[2] for name in tensors if name.rpartition("/")[0] == group]
    return [f"{group}/{number}" for number in sorted(numbers, key=lambda number: (len(number), number))]


def _in_lists(module: Path) -> list[str]:
    """The variables in the lists of a module."""
    reader = TensorFlowReader(locate(module).path)
    trainable = _variables_in_list(reader, "trainable_variables")
    return trainable + [name for name in _variables_in_list(reader, "variables") if name not in trainable]


def _variables_in_list(reader: TensorFlowReader, attribute: str) -> list[str]:
    """The names of the variables in a list of the root object, in its order."""
    names, number = [], 0
    while (key := reader.find(f"{attribute}/{number}")) is not None:
        names.append(reader.variables[key])
        number += 1
    return names


def _captured(module: Path, endpoints: Iterable[str]) -> list[str]:
    """The variables that the functions of a module capture."""
    place = module / "saved_model.pb"
    try:
        graphs = SavedInterfaceMessage.FromString(place.read_bytes()).meta_graphs
    except FileNotFoundError as error:
        raise UsageError(f"{place}: no such file") from error
    except (OSError, DecodeError) as error:
        raise DataError(f"{place}: not a readable SavedModel: {first_line(error)}") from error
    objects = graphs[0].objects if graphs else SavedInterfaceMessage().meta_graphs.add().objects
    functions = {entry.key: entry.value for entry in objects.functions}
    captured: list[Any] = []
    for endpoint in endpoints:
        for name in _functions_of(objects.nodes, endpoint):
            captured += [
                objects.nodes[at] for at in functions[name].captures if objects.nodes[at].HasField("variable")
            ]
    trainable = [node.variable.name for node in captured if node.variable.trainable]
    others = [node.variable.name for node in captured if not node.variable.trainable]
    return list(dict.fromkeys([*trainable, *others]))


def _functions_of(nodes: Any, endpoint: str) -> list[str]:  # noqa: ANN401 - protobuf creates the class at run time
    """The traced functions of an attribute of the root, or the one of a signature."""
    places = {child.local_name: nodes[child.node_id] for child in nodes[0].children} if nodes else {}
    if endpoint in places:
        return list(places[endpoint].function.names)
    signatures = places["signatures"].children if "signatures" in places else ()
    return [nodes[child.node_id].bare.name for child in signatures if child.local_name == endpoint]
