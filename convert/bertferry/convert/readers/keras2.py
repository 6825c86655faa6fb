"""Names the variables of an HDF5 file of Keras 2, among them those of transformers' TensorFlow classes.

There is a group per top-level layer, in which a variable is a dataset under its graph name, such as
`bert/tf_bert_model_1/bert/pooler/dense/kernel:0`: the group, the scope of the model, the variable.
https://github.com/keras-team/tf-keras/blob/master/tf_keras/src/saving/legacy/hdf5_format.py
"""

from pathlib import Path
from typing import TYPE_CHECKING

from bertferry.convert.readers.hdf5 import h5_tensors
from bertferry.convert.readers.reader import StoredTensor
from bertferry.core.errors import DataError

if TYPE_CHECKING:
    import h5py

WEIGHTS, OPTIMIZER = "model_weights", "optimizer_weights"
"""The groups of a file that has the whole model."""


def keras2_tensors(file: "h5py.File", path: Path) -> dict[str, StoredTensor]:
    """The variables of a file, by their names without layer and scope.

    A variable that two layers share is stored with both: what belongs to another layer keeps the name of its group
    in front. The file of one shard of several has neither layers nor scopes.

    Raises:
      DataError: damaged bytes, or two variables of the same name.
    """
    layers = file.get(WEIGHTS, file)
    found = h5_tensors(layers, path)
    in_layers = any("weight_names" in layer.attrs or "weight_names0" in layer.attrs for layer in layers.values())
    stored: dict[str, StoredTensor] = {}
    for name, tensor in zip(_without_scope(list(found)) if in_layers else found, found.values(), strict=True):
        if name in stored:
            raise DataError(f"{path}: two of its tensors are called {name}")
        stored[name] = tensor
    if layers is not file and OPTIMIZER in file:
        state = h5_tensors(file[OPTIMIZER], path)
        stored |= {f"{OPTIMIZER}/{name}": tensor for name, tensor in state.items()}
    return stored


def _without_scope(names: list[str]) -> list[str]:
    """The names from the layer on that a variable belongs to; the scope before it is the same in all of them."""
    groups = {name.partition("/")[0] for name in names}
    paths = [name.split("/")[1:] for name in names]
    scopes = [
        {"/".join(path[:number]) for number, part in enumerate(path[:-1]) if part in groups} for path in paths
    ]
    scope = max(set.intersection(*scopes) if scopes else (), key=len, default="")
    result = []
    for name in names:
        group, _, variable = name.partition("/")
        own = variable.removeprefix(f"{scope}/")
        result.append(own if own.startswith(f"{group}/") else f"{group}/{own}")
    return result
