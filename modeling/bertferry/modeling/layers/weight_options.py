"""The initializer, regularizer and constraint arguments that every weighted layer here takes."""

from typing import Any

import tf_keras

OPTION_MODULES = {
    "kernel_initializer": tf_keras.initializers,
    "bias_initializer": tf_keras.initializers,
    "kernel_regularizer": tf_keras.regularizers,
    "bias_regularizer": tf_keras.regularizers,
    "kernel_constraint": tf_keras.constraints,
    "bias_constraint": tf_keras.constraints,
}
DEFAULTS = {"kernel_initializer": "glorot_uniform", "bias_initializer": "zeros"}


class WeightOptions:
    """How a layer's kernels and biases are initialized, regularized and constrained."""

    kernel_initializer: Any
    bias_initializer: Any
    kernel_regularizer: Any
    bias_regularizer: Any
    kernel_constraint: Any
    bias_constraint: Any

    def __init__(self, **options: Any) -> None:
        for name, module in OPTION_MODULES.items():
            setattr(self, name, module.get(options.pop(name, DEFAULTS.get(name))))
        if options:
            raise TypeError(f"unexpected arguments: {', '.join(options)}")

    def arguments(self) -> dict[str, Any]:
        """The options as arguments of another layer. Each layer gets its own copy of an initializer:
        an unseeded one that is used twice would draw equal values."""
        return {name: module.get(module.serialize(getattr(self, name))) for name, module in OPTION_MODULES.items()}

    def get_config(self) -> dict[str, Any]:
        """The options as serializable values."""
        return {name: module.serialize(getattr(self, name)) for name, module in OPTION_MODULES.items()}


def split_options(arguments: dict[str, Any]) -> tuple[WeightOptions, dict[str, Any]]:
    """The weight options among a layer's keyword arguments, and the remaining arguments."""
    options = {name: value for name, value in arguments.items() if name in OPTION_MODULES}
    return WeightOptions(**options), {k: v for k, v in arguments.items() if k not in OPTION_MODULES}
