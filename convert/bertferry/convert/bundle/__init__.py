"""TensorFlow's checkpoint files, read and written without TensorFlow.

A checkpoint of the prefix P is a table `P.index`, which says of every tensor its type, shape, place and CRC-32C,
and data files `P.data-0000I-of-0000N`, which hold the bytes. `BundleReader` and `BundleWriter` are all that the
rest of the project uses of it, with `ObjectGraphMessage` for the objects that a tf.train.Checkpoint saves.
"""

from bertferry.convert.bundle.messages import ObjectGraphMessage
from bertferry.convert.bundle.reader import BundleReader
from bertferry.convert.bundle.writer import BundleWriter

__all__ = ["BundleReader", "BundleWriter", "ObjectGraphMessage"]
