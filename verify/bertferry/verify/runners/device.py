"""Where TensorFlow computes, and how."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.core.errors import UnavailableError, first_line
from bertferry.verify.execution import Execution
from bertferry.verify.runner import Arrays
from bertferry.verify.runners.graph import InlinedGraph

Tensors = Mapping[str, tf.Tensor]


class Device:
    """A device that is there. `scope` is where variables are made and loaded.

    Raises:
      UnavailableError: it is not there; nothing runs elsewhere instead.
    """

    def __init__(self, execution: Execution) -> None:
        self.kind = execution.device
        self._strategy = _tpu_strategy(execution.flag("device")) if self.kind == "tpu" else None
        if self.kind == "gpu":
            if not tf.config.list_physical_devices("GPU"):
                raise UnavailableError(f"{execution.flag('device')} gpu: no GPU visible to TensorFlow")
            # On by default, and then float32 products have the mantissa of float16.
            tf.config.experimental.enable_tensor_float_32_execution(execution.precision == "tf32")

    def scope(self) -> AbstractContextManager[None]:
        """The context in which variables are made and loaded."""
        if self._strategy is not None:
            return self._strategy.scope()
        return tf.device("/GPU:0" if self.kind == "gpu" else "/CPU:0")

    def call(self, function: Callable[[Tensors], Tensors], inputs: Tensors) -> Tensors:
        """Runs a traced function."""
        if self._strategy is not None:
            results = self._strategy.run(function, args=(inputs,))
            return tf.nest.map_structure(lambda one: self._strategy.experimental_local_results(one)[0], results)
        with self.scope():
            return function(inputs)

    @property
    def compiles(self) -> bool:
        """Whether XLA compiles what runs here."""
        return self.kind in ("xla", "tpu-emulated", "tpu")


def _tpu_strategy(flag: str) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, tf.errors.OpError, RuntimeError) as error:
        raise UnavailableError(f"{flag} tpu: no TPU found: {first_line(error)}") from error


class Compute:
    """A function of named tensors to named tensors, on a device.

    It is traced once for every shape where the artifact takes every shape (`free`); one that does not has to show
    it, and is traced for each. `widen` has products of float16 and bfloat16 summed in float32.
    """

    def __init__(
        self,
        function: Callable[[Tensors], Tensors],
        names: tuple[str, ...],
        device: Device,
        *,
        free: bool = True,
        widen: bool = False,
    ) -> None:
        self._function, self._names, self._device, self._free = function, names, device, free
        self._widen = widen
        self._graphs: dict[tuple[Any, ...], _Traced] = {}

    def __call__(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs as arrays."""
        tensors = self._tensors(inputs)
        return _arrays(self._device.call(self._traced(tensors).outputs, tensors))

    def points(self, inputs: Arrays, given: Arrays | None) -> dict[str, np.ndarray]:
        """The values at the function's named points, as float32; see `Runner.points`."""
        tensors = self._tensors(inputs)
        with self._device.scope():
            behind = {name: tf.constant(value) for name, value in (given or {}).items()}
            found = _arrays(self._traced(tensors).points(tensors, behind))
        return {name: value.astype(np.float32) for name, value in found.items()}

    def _tensors(self, inputs: Arrays) -> dict[str, tf.Tensor]:
        with self._device.scope():
            return {name: tf.constant(inputs[name]) for name in self._names}

    def _traced(self, tensors: Tensors) -> "_Traced":
        specs = {
            name: tf.TensorSpec(self._shape(tensors[name]), tensors[name].dtype, name) for name in self._names
        }
        key = tuple(specs.values())
        if key not in self._graphs:
            self._graphs[key] = _Traced(self._function, specs, self._device, self._widen)
        return self._graphs[key]

    def _shape(self, tensor: tf.Tensor) -> list[int | None]:
        return [None] * tensor.shape.rank if self._free else tensor.shape.as_list()


class _Traced:
    """A function traced for inputs of some shapes."""

    def __init__(
        self,
        function: Callable[[Tensors], Tensors],
        specs: Mapping[str, tf.TensorSpec],
        device: Device,
        widen: bool,
    ) -> None:
        self._specs, self._device = specs, device
        self._to_points: dict[tuple[str, ...], Any] = {}
        with device.scope():
            plain = tf.function(function, input_signature=[specs], autograph=False)
            self._concrete = plain.get_concrete_function()
        self.outputs: Callable[[Tensors], Tensors] = self._concrete
        if device.kind == "tpu-emulated":
            self.graph.round_products()
            function = self.graph.run
        if widen:
            self.graph.widen_products()
            function = self.graph.run
        if device.compiles or widen:
            compiles = device.compiles and device.kind != "tpu"
            self.outputs = tf.function(function, input_signature=[specs], autograph=False, jit_compile=compiles)

    @cached_property
    def graph(self) -> InlinedGraph:
        return InlinedGraph(self._concrete)

    def points(self, inputs: Tensors, given: Tensors) -> Tensors:
        """Traced once for every set of given points."""
        names = tuple(given)
        if names not in self._to_points:
            self._to_points[names] = tf.function(
                self.graph.run_to_points,
                autograph=False,
                jit_compile=self._device.compiles,
                reduce_retracing=True,  # probes differ in their shapes alone
            )
        return self._to_points[names](inputs, given)


def _arrays(outputs: Tensors) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in outputs.items()}
