"""Chooses the reader of a file."""

from functools import partial

from bertferry.convert.locate import Location
from bertferry.convert.readers.reader import NamedReader, Reader, joined


def open_readers(location: Location, prefix: str | None = None) -> tuple[tuple[Reader, str | None], ...]:
    """The ways to read a located checkpoint, the likelier first: object-based files have two kinds of names.

    Each comes with the prefix that is still to be searched for: a view by variables already contains only that.

    Raises:
      UsageError: a file that is refused.
      DataError: its index or header is damaged.
    """
    if location.file_format == "safetensors":
        from bertferry.convert.readers.safetensors import safetensors_tensors

        return ((NamedReader("safetensors", joined(location.shards, safetensors_tensors)), prefix),)
    if location.file_format == "pytorch":
        from bertferry.convert.readers.pytorch import pytorch_tensors

        tensors = joined(location.shards, partial(pytorch_tensors, prefix=prefix))
        return ((NamedReader("safetensors", tensors), prefix),)
    if location.file_format == "hdf5":
        from bertferry.convert.readers.h5_files import h5_readers

        return tuple((reader, prefix) for reader in h5_readers(location.shards, location.module))
    if location.file_format == "msgpack":
        from bertferry.convert.readers.flax import flax_tensors

        return ((NamedReader("safetensors", joined(location.shards, flax_tensors)), prefix),)
    if location.file_format == "keras":
        from bertferry.convert.readers.keras import keras_reader

        return ((keras_reader(location.path, location.module), prefix),)
    from bertferry.convert.readers.tensorflow import TensorFlowReader
    from bertferry.convert.readers.variables import VariableView

    reader = TensorFlowReader(location.path)
    if reader.naming == "names":
        return ((reader, prefix),)
    return (reader, prefix), (VariableView(reader, prefix), None)
