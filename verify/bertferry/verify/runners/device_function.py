"""A TensorFlow function that runs on a device, whole or up to its inspection points."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.verify.runner import Arrays
from bertferry.verify.runners.device import Device, Tensors
from bertferry.verify.runners.graph import InlinedGraph


class DeviceFunction:
    """A function from named tensors to named tensors, traced for a device.

    With `any_shape` it is traced once for all input shapes; otherwise it is traced for each shape, so that an
    artifact with fixed shapes rejects the others. `widen` sums products of float16 and bfloat16 in float32.
    """

    def __init__(
        self,
        function: Callable[[Tensors], Tensors],
        names: tuple[str, ...],
        device: Device,
        *,
        any_shape: bool = True,
        widen: bool = False,
    ) -> None:
        self._function, self._names, self._device, self._any_shape = function, names, device, any_shape
        self._widen = widen
        self._graphs: dict[tuple[Any, ...], _Trace] = {}

    def __call__(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs as arrays."""
        tensors = self._tensors(inputs)
        return _arrays(self._device.call(self._trace(tensors).outputs, tensors))

    def points(self, inputs: Arrays, given: Arrays | None) -> dict[str, np.ndarray]:
        """The values at the function's named points, as float32; see `Inspectable.points`."""
        tensors = self._tensors(inputs)
        with self._device.scope():
            given_tensors = {name: tf.constant(value) for name, value in (given or {}).items()}
            values = _arrays(self._trace(tensors).points(tensors, given_tensors))
        return {name: value.astype(np.float32) for name, value in values.items()}

    def _tensors(self, inputs: Arrays) -> dict[str, tf.Tensor]:
        with self._device.scope():
            return {name: tf.constant(inputs[name]) for name in self._names}

    def _trace(self, tensors: Tensors) -> "_Trace":
        specs = {
            name: tf.TensorSpec(self._shape(tensors[name]), tensors[name].dtype, name) for name in self._names
        }
        key = tuple(specs.values())
        if key not in self._graphs:
            self._graphs[key] = _Trace(self._function, specs, self._device, self._widen)
        return self._graphs[key]

    def _shape(self, tensor: tf.Tensor) -> list[int | None]:
        return [None] * tensor.shape.rank if self._any_shape else tensor.shape.as_list()


class _Trace:
    """A function traced for specific input shapes."""

    def __init__(
        self,
        function: Callable[[Tensors], Tensors],
        specs: Mapping[str, tf.TensorSpec],
        device: Device,
        widen: bool,
    ) -> None:
        self._specs, self._device = specs, device
        self._point_functions: dict[tuple[str, ...], Any] = {}
        with device.scope():
            traced = tf.function(function, input_signature=[specs], autograph=False)
            self._concrete = traced.get_concrete_function()
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
        """The values at the points; traced once for each set of given points."""
        names = tuple(given)
        if names not in self._point_functions:
            self._point_functions[names] = tf.function(
                self.graph.run_to_points,
                autograph=False,
                jit_compile=self._device.compiles,
                reduce_retracing=True,  # probes differ in their shapes alone
            )
        return self._point_functions[names](inputs, given)


def _arrays(outputs: Tensors) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in outputs.items()}
