"""Where TensorFlow computes."""

import tensorflow as tf

from bertferry.modeling.errors import UnavailableError


def device_name(device: str) -> str:
    """TensorFlow's name of `cpu` or `gpu`.

    Raises:
      UnavailableError: it is not there; nothing runs elsewhere instead.
    """
    if device != "cpu" and not tf.config.list_physical_devices(device.upper()):
        raise UnavailableError(f"--device {device}: no {device.upper()} visible to TensorFlow")
    return f"/{device.upper()}:0"
