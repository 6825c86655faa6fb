"""Random numbers that a run that was killed draws again: those of a step depend on seed and step alone."""

import tensorflow as tf
import tf_keras


def seed_everything(seed: int) -> None:
    """Seeds initial values, and makes dropout draw from generators that `seed_step` can set.

    It comes before the model is built.
    """
    tf_keras.utils.set_random_seed(seed)
    tf_keras.backend.experimental.enable_tf_random_generator()


def dropout_generators(model: tf_keras.Model) -> list[tf.random.Generator]:
    """The generators of a model's layers, in their order.

    Raises:
      ValueError: the model was built before `seed_everything`: its dropout could not be repeated.
    """
    generators = []
    for layer in model.submodules:
        source = getattr(layer, "_random_generator", None)
        if source is None:
            continue
        source._maybe_init()  # noqa: SLF001 - Keras 2 has no public way to its generators, nor does it save them
        if source._generator is None:  # noqa: SLF001
            raise ValueError(f"{layer.name}: call seed_everything before the model is built")
        generators.append(source._generator)  # noqa: SLF001
    return generators


def seed_step(generators: list[tf.random.Generator], seed: int, step: tf.Tensor) -> None:
    """Sets all generators to where the step begins; every one has numbers of its own.

    The lower half of a counter counts what is drawn within the step.
    """
    for number, generator in enumerate(generators):
        key = tf.constant(seed << 16 | number, tf.int64)
        generator.reset_from_key_counter(key, tf.stack([tf.zeros_like(step), step]))
