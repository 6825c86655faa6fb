"""Imports TensorFlow without its start-up noise."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from bertferry.core.errors import BertferryError


def import_tensorflow() -> None:
    """Imports TensorFlow; what it prints meanwhile is shown only if the import fails.

    TensorFlow writes to file descriptor 2 while it is imported, whatever its log level.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its errors are raised as well, or are about the processor
    with held_back_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()  # looks for a GPU, and complains on stderr where there is none

    tf.get_logger().setLevel("ERROR")


@contextmanager
def held_back_stderr() -> Iterator[None]:
    """Holds back what is written to file descriptor 2, and writes it after all when the body raises: but not where
    the error says all that there is to say."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except (BertferryError, OSError):
            raise
        except BaseException:
            sys.stderr.flush()
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
