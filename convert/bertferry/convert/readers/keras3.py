"""Names the variables of a `.weights.h5` file of Keras 3, or of Keras 2.12 and later.

A variable is a number in the list of its layer, and a layer is named after its class and the place among those:
https://github.com/keras-team/keras/blob/v3.15.1/keras/src/saving/saving_lib.py. Keras 2.13 numbered
the blocks of KerasNLP with gaps, and called the layers of a model otherwise.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bertferry.convert.readers.hdf5 import h5_tensors
from bertferry.convert.readers.reader import StoredTensor, joined
from bertferry.convert.weight_files import PRESET_TASK

if TYPE_CHECKING:
    import h5py

OLD_NAMES = (
    ("_layer_checkpoint_dependencies/", "layers/"),
    ("/_query_dense/", "/query_dense/"),
    ("/_key_dense/", "/key_dense/"),
    ("/_value_dense/", "/value_dense/"),
    ("/_output_dense/", "/output_dense/"),
)
BLOCK = re.compile(r"(?P<model>.*/)?transformer_encoder(?:_(?P<number>\d+))?/(?P<rest>.*)")
LAYERS = ("layers", "_layer_checkpoint_dependencies")
"""What the root of such a file contains."""
BACKBONE = "layers/bert_backbone/"


def renamed(names: Iterable[str]) -> dict[str, str]:
    """The names as Keras 3 has them, with the blocks numbered from 0, by those in the file."""
    modern: dict[str, str] = {}
    for stored in names:
        name = stored
        for old, new in OLD_NAMES:
            name = name.replace(old, new)
        modern[stored] = name
    blocks: dict[str, set[int]] = {}
    for name in modern.values():
        if match := BLOCK.fullmatch(name):
            blocks.setdefault(match["model"] or "", set()).add(int(match["number"] or 0))
    order = {(model, number): turn for model, found in blocks.items() for turn, number in enumerate(sorted(found))}

    def numbered(name: str) -> str:
        if (match := BLOCK.fullmatch(name)) is None:
            return name
        model = match["model"] or ""
        return f"{model}transformer_encoder_{order[model, int(match['number'] or 0)]}/{match['rest']}"

    return {stored: numbered(name) for stored, name in modern.items()}


def keras3_tensors(files: "Mapping[Path, h5py.File]") -> dict[str, StoredTensor]:
    """The variables of one or several files, by the layers that they are in.

    A preset has the head of its task in `task.weights.h5`, and the backbone in the others: they are named as in a
    file of the whole task.

    Raises:
      DataError: damaged bytes, or a variable in two files.
    """
    is_task = any(path.name == PRESET_TASK for path in files)

    def tensors_of(path: Path) -> dict[str, StoredTensor]:
        below = BACKBONE if is_task and path.name != PRESET_TASK else ""
        return {f"{below}{name}": tensor for name, tensor in h5_tensors(files[path], path).items()}

    stored = joined(files, tensors_of)
    names = renamed(stored)
    return {names[name]: tensor for name, tensor in stored.items()}
