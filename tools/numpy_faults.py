"""Faults of the computation, planted in the NumPy network while it runs."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np

from bertferry.core.tasks import ENCODER_INPUTS


def set_attribute(name: str, value: Any) -> Callable[[ExitStack], None]:
    def plant(stack: ExitStack) -> None:
        stack.enter_context(patch(f"bertferry.verify.numpy_network.{name}", value))

    return plant


def epsilon(stack: ExitStack) -> None:
    from bertferry.verify.numpy_network import encoder

    original = encoder.layer_norm

    def layer_norm(vectors: Any, weights: Any, place: str, epsilon: float) -> Any:
        return original(vectors, weights, place, 1e-3)

    set_attribute("encoder.layer_norm", layer_norm)(stack)


def no_norm(stack: ExitStack) -> None:
    from bertferry.verify.numpy_network import encoder

    original = encoder.layer_norm

    def layer_norm(vectors: Any, weights: Any, place: str, epsilon: float) -> Any:
        return vectors if place == "embeddings/norm" else original(vectors, weights, place, epsilon)

    set_attribute("encoder.layer_norm", layer_norm)(stack)


def no_tanh(stack: ExitStack) -> None:
    from bertferry.verify.numpy_network.operations import dense

    def pool(weights: Any, config: Any, sequence: Any, keep: Any) -> Any:
        return keep("pooler", dense(sequence[:, 0], weights, "pooler"))

    set_attribute("heads.pool", pool)(stack)


def last_token(stack: ExitStack) -> None:
    from bertferry.verify.numpy_network import heads

    pool = heads.pool

    def pool_last_token(weights: Any, config: Any, sequence: Any, keep: Any) -> Any:
        return pool(weights, config, sequence[:, -1:], keep)

    set_attribute("heads.pool", pool_last_token)(stack)


def dropout(stack: ExitStack) -> None:
    from bertferry.verify.numpy_network import heads

    original, rng = heads.encode, np.random.default_rng()

    def encode(weights: Any, config: Any, inputs: Any, keep: Any, **options: Any) -> Any:
        def drop_and_keep(name: str, value: Any) -> Any:
            return keep(name, value * (rng.random(value.shape) > 0.1).astype(value.dtype))

        return original(weights, config, inputs, drop_and_keep, **options)

    set_attribute("heads.encode", encode)(stack)


def change_inputs(change: Callable[..., Any]) -> Callable[[ExitStack], None]:
    """Makes the encoder run on changed inputs."""

    def plant(stack: ExitStack) -> None:
        from bertferry.verify.numpy_network import heads

        original = heads.encode

        def encode(weights: Any, config: Any, inputs: Any, keep: Any, **options: Any) -> Any:
            changed = change(*(inputs[name] for name in ENCODER_INPUTS))
            return original(weights, config, dict(zip(ENCODER_INPUTS, changed, strict=True)), keep, **options)

        set_attribute("heads.encode", encode)(stack)

    return plant
