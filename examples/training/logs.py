"""Writes numbers for TensorBoard, which need not be installed."""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf


class Logs:
    """Event files in a folder: one series of numbers per name."""

    def __init__(self, folder: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes the values of a step; they are on the disk then.

        `tf.summary.scalar` would need the package tensorboard for the two lines of its metadata.
        """
        metadata = tf.compat.v1.SummaryMetadata(data_class="DATA_CLASS_SCALAR")
        metadata.plugin_data.plugin_name = "scalars"
        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.write(name, tf.constant(value, tf.float32), step, metadata)
        self._writer.flush()
