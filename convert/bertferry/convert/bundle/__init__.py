"""Reads and writes TensorFlow checkpoint files without TensorFlow.

A checkpoint with the prefix P is a table `P.index`, which states type, shape, location and CRC-32C of each tensor,
and data files `P.data-0000I-of-0000N`, which contain the bytes. The rest of the project only uses `BundleReader`,
`BundleWriter` and, for the objects that a tf.train.Checkpoint saves, `ObjectGraphMessage`; the two messages of a
SavedModel are its graph and what can be called in it.
"""

from bertferry.convert.bundle.messages import ObjectGraphMessage, SavedInterfaceMessage, SavedModelMessage
from bertferry.convert.bundle.reader import BundleReader
from bertferry.convert.bundle.writer import BundleWriter

__all__ = ["BundleReader", "BundleWriter", "ObjectGraphMessage", "SavedInterfaceMessage", "SavedModelMessage"]
