"""The device on which TensorFlow runs."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import tensorflow as tf

from bertferry.core.errors import UnavailableError, first_line
from bertferry.verify.execution import Execution

Tensors = Mapping[str, tf.Tensor]


class Device:
    """An available device.

    Raises:
      UnavailableError: the device is missing; there is no fallback.
    """

    def __init__(self, execution: Execution) -> None:
        self.kind = execution.device
        self._strategy = _tpu_strategy(execution.flag("device")) if self.kind == "tpu" else None
        if self.kind == "gpu":
            if not tf.config.list_physical_devices("GPU"):
                raise UnavailableError(f"{execution.flag('device')} gpu: no GPU visible to TensorFlow")
            # On by default; float32 products then have the mantissa of float16.
            tf.config.experimental.enable_tensor_float_32_execution(execution.precision == "tf32")

    def scope(self) -> AbstractContextManager[None]:
        """The context in which variables are created and loaded."""
        if self._strategy is not None:
            return self._strategy.scope()
        return tf.device("/GPU:0" if self.kind == "gpu" else "/CPU:0")

    def call(self, function: Callable[[Tensors], Tensors], inputs: Tensors) -> Tensors:
        """Runs a traced function."""
        if self._strategy is not None:
            results = self._strategy.run(function, args=(inputs,))
            return tf.nest.map_structure(
                lambda value: self._strategy.experimental_local_results(value)[0], results
            )
        with self.scope():
            return function(inputs)

    @property
    def compiles(self) -> bool:
        """Whether XLA compiles functions for this device."""
        return self.kind in ("xla", "tpu-emulated", "tpu")


def _tpu_strategy(flag: str) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, tf.errors.OpError, RuntimeError) as error:
        raise UnavailableError(f"{flag} tpu: no TPU found: {first_line(error)}") from error
