"""What a pickle of PyTorch may name, each as a stand-in of our own: none of PyTorch's is imported.

https://github.com/pytorch/pytorch/blob/main/torch/_utils.py has the functions that rebuild a tensor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeGuard

from bertferry.convert.readers.pickle_data import Function, Ignored, PickleRefusedError, Refused


@dataclass(frozen=True, slots=True)
class StorageType:
    """The class of a storage: the type of its elements, by NumPy's name."""

    dtype: str


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of elements that a record of the file holds; several tensors may share it."""

    dtype: str
    key: str
    elements: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage; offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def storage_of(identity: object) -> Storage:
    """The storage that a persistent id `("storage", type, key, location, elements[, view])` stands for.

    The location (`cpu`, `cuda:0`) does not matter.

    Raises:
      PickleRefusedError: it stands for something else.
    """
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
        raise PickleRefusedError("its pickle refers to something that is no storage of a tensor")
    _, kind, key, _, elements, *view = identity
    if view not in ([], [None]):
        raise PickleRefusedError("a storage is a view of another one, as before PyTorch 0.4")
    if not isinstance(kind, StorageType) or not isinstance(key, str) or not _is_count(elements):
        raise ValueError("its pickle is damaged: a storage has no type, key or number of elements")
    return Storage(kind.dtype, key, elements)


def _tensor(storage: object, offset: object, size: object, stride: object, *rest: object) -> Tensor:
    """`_rebuild_tensor_v2`; the rest are `requires_grad`, hooks and bits such as `conj`, which PyTorch 0.4 lacks.

    Every element must be in the storage, which must have as many: `expand` can claim any number.
    """
    if not isinstance(storage, Storage):
        raise ValueError("its pickle is damaged: a tensor has no storage")
    if len(rest) > 2 and rest[2]:
        raise PickleRefusedError("a tensor is stored negated or conjugated")
    if not _is_count(offset) or not _are_counts(size) or not _are_counts(stride) or len(size) != len(stride):
        raise ValueError("its pickle is damaged: a tensor has no valid offset, size or stride")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    count = prod(size)
    if count and (last >= storage.elements or count > storage.elements):
        raise ValueError(
            f"a tensor of shape {list(size)} reaches beyond its storage {storage.key} of "
            f"{storage.elements} elements"
        )
    return Tensor(storage, offset, tuple(size), tuple(stride))


def _typed_tensor(function: object, kind: object, arguments: object, state: object) -> object:
    """`_rebuild_from_type_v2`: a tensor with attributes of its own, which are no weights."""
    if not isinstance(function, Function) or not isinstance(arguments, tuple) or kind is not TENSOR_CLASS:
        raise PickleRefusedError("its pickle has a tensor of a class of its own")
    return function.call(*arguments)


class _OrderedDicts:
    """`OrderedDict()`, or `OrderedDict([[key, value], …])` as Python 2 wrote it."""

    def __init__(self) -> None:
        self._copied = 0

    def __call__(self, items: Sequence[Any] = ()) -> dict[Any, Any]:
        self._copied += len(items)
        if self._copied > LARGEST_COPY or not all(isinstance(key, str | int) for key, _ in items):
            raise PickleRefusedError("its pickle repeats a list, or has a key that is no text")
        return dict(items)


LARGEST_COPY = 1_000_000
"""Elements that a pickle may have copied: a list that was written once can be copied any number of times."""


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _are_counts(values: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(values, tuple) and len(values) <= 64 and all(_is_count(value) for value in values)


def stand_ins() -> Mapping[tuple[str, str], object]:
    """What takes the place of everything that weights and training checkpoints name."""
    return {
        ("collections", "OrderedDict"): Function(_OrderedDicts()),
        **{("torch", f"{name}Storage"): StorageType(dtype) for name, dtype in STORAGES.items()},
        ("torch._utils", "_rebuild_tensor"): Function(_tensor),
        ("torch._utils", "_rebuild_tensor_v2"): Function(_tensor),
        ("torch._utils", "_rebuild_parameter"): Function(lambda data, requires_grad, hooks: data),
        ("torch._utils", "_rebuild_parameter_with_state"): Function(lambda data, *rest: data),
        ("torch._tensor", "_rebuild_from_type_v2"): Function(_typed_tensor),
        ("torch", "Tensor"): TENSOR_CLASS,
        ("torch.nn.parameter", "Parameter"): TENSOR_CLASS,
        ("torch", "Size"): Function(lambda sizes: sizes),
        **{name: Function(lambda *_: {}) for name in DICTIONARIES},
        **{name: Function(lambda *_: Ignored()) for name in NO_WEIGHTS},
        **{("torch", name): Ignored() for name in TYPES},
        **{("torch", name): QUANTIZED for name in ("qint8", "quint8", "qint32", "quint4x2")},
        ("torch._utils", "_rebuild_qtensor"): QUANTIZED,
        ("torch._utils", "_rebuild_tensor_v3"): OTHER_TYPE,
        ("torch._utils", "_rebuild_sparse_tensor"): SPARSE,
        **{(module, name): Ignored() for module in PYTHON for name in BUILTIN_TYPES},
    }


QUANTIZED = Refused(("its tensors are quantized", "save the model before quantization"))
OTHER_TYPE = Refused(("a tensor is of a type that is not read, such as float8", "save it as tensor.float()"))
SPARSE = Refused(("a tensor is sparse", "save it as tensor.to_dense()"))
TENSOR_CLASS = Ignored()
STORAGES = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
}
DICTIONARIES = (
    ("collections", "defaultdict"),
    ("lightning_fabric.utilities.data", "AttributeDict"),
    ("lightning.fabric.utilities.data", "AttributeDict"),
    ("pytorch_lightning.utilities.parsing", "AttributeDict"),
)
PYTHON = ("builtins", "__builtin__")
NO_WEIGHTS = (
    *((module, name) for module in PYTHON for name in ("set", "frozenset", "complex", "bytes", "bytearray")),
    ("_codecs", "encode"),
    ("argparse", "Namespace"),
    ("collections", "Counter"),
    ("collections", "deque"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("pathlib", "Path"),
    ("pathlib", "PosixPath"),
    ("pathlib", "PurePosixPath"),
    ("pathlib", "WindowsPath"),
    ("torch", "device"),
)
"""What stands beside the weights in a training checkpoint: its settings, counters and paths."""
TYPES = ("float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool")
BUILTIN_TYPES = ("dict", "list", "int", "long", "float", "str", "unicode", "bool")
"""Named by a defaultdict, in protocol 2 under their names in Python 2."""
