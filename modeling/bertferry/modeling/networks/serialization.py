"""Serialization of networks that contain other networks."""

import json
from typing import Any, Self

import tensorflow as tf
import tf_keras

OUTPUT_ARGUMENTS = ("logits", "predictions")


class ConfiguredModel(tf_keras.Model):
    """A functional model that is rebuilt from its constructor's arguments, not from its graph of layers.

    The arguments are stored as JSON text: Keras would track a dict as part of the checkpoint's object graph.
    """

    _arguments: str

    def keep_arguments(self, own: dict[str, Any], inherited: dict[str, Any]) -> None:
        """Stores the constructor's arguments, which are plain values: its own, and those of the Keras model."""
        self._arguments = json.dumps({**own, **inherited})

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as serializable values."""
        return dict(json.loads(self._arguments))

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """The network that `get_config` describes, with initial weights."""
        return cls(**config)

    def to_json(self, **arguments: Any) -> str:
        """The network as JSON for `tf_keras.models.model_from_json`.

        Keras' own `to_json` omits the package under which a class is registered, so that its reader finds no class
        of that name.
        """
        return json.dumps(serialize_network(self), **arguments)


def copy_initializer(initializer: Any) -> Any:
    """A copy of an initializer: an unseeded one that is used twice would draw equal values."""
    return tf_keras.initializers.get(tf_keras.initializers.serialize(initializer))


def serialize_network(network: tf_keras.Model) -> dict[str, Any]:
    """A network's class and configuration, as `tf_keras.utils.deserialize_keras_object` reads them."""
    return {
        "module": type(network).__module__,
        "class_name": type(network).__name__,
        "registered_name": tf_keras.utils.get_registered_name(type(network)),
        "config": network.get_config(),
    }


def deserialize_network(network: Any) -> tf_keras.Model:
    """The network that `serialize_network` described, or the network itself."""
    return tf_keras.utils.deserialize_keras_object(network) if isinstance(network, dict) else network


def run_encoder(network: tf_keras.Model) -> tuple[Any, Any]:
    """The outputs of an encoder for its own inputs: sequence [B, S, H], and pooled [B, H] or None."""
    sequence, *pooled = tf.nest.flatten(network(network.inputs))
    return sequence, pooled[0] if pooled else None


def check_output(output: str) -> None:
    """Refuses an `output` argument that is neither logits nor predictions.

    Raises:
      ValueError: naming the value.
    """
    if output not in OUTPUT_ARGUMENTS:
        raise ValueError(f'Unknown `output` value "{output}". `output` can be either "logits" or "predictions".')
