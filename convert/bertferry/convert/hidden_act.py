"""What the names of activations mean, which depends on whose configuration has them.

`gelu` is the tanh approximation in a `bert_config.json` of google-research/bert and its descendants, and the exact
erf form in transformers and in google-research/electra. If a file does not show which of the two it means, it must
say so with `"activation"`.
"""

from collections.abc import Mapping
from typing import Any

from bertferry.core.config import ACTIVATIONS, ConfigError

TRANSFORMERS = {
    "gelu": "gelu_erf",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_python": "gelu_erf",
    **{name: name for name in ACTIVATIONS if name not in ("gelu_tanh", "gelu_erf")},
    "swish": "silu",
}
"""The names in `ACT2FN` of transformers, and the one of `ACTIVATIONS` that each computes, up to rounding; without
`prelu` and `xielu`, which have parameters of their own.

https://github.com/huggingface/transformers/blob/main/src/transformers/activations.py
"""
ORIGINAL = {**TRANSFORMERS, "gelu_tanh": "gelu_tanh", "gelu_erf": "gelu_erf", "gelu": "gelu_tanh"}
"""In a `bert_config.json`; it may also have the names of transformers, unambiguous except for `gelu`."""
ELECTRA = {**ORIGINAL, "gelu": "gelu_erf"}
"""In a `bert_config.json` of google-research/electra."""

TRANSFORMERS_KEYS = (
    *("model_type", "architectures", "transformers_version"),
    *("torchscript", "pruned_heads", "output_attentions", "output_hidden_states", "output_past", "use_bfloat16"),
    "layer_norm_eps",
)
"""Keys that a `bert_config.json` never has; those of the second line are from before there was a `model_type`."""


def is_of_transformers(values: Mapping[str, Any]) -> bool:
    """Whether the keys are those of a `config.json` of transformers; one written here has `activation`."""
    known = TRANSFORMERS_KEYS[:-1] if "activation" in values else TRANSFORMERS_KEYS
    return any(key in values for key in known)


def read_activation(
    values: Mapping[str, Any], *, ambiguous: bool, architecture: str, given: str | None = None
) -> str:
    """The activation that a configuration states.

    Args:
      values: its keys.
      ambiguous: whether `gelu` may have either meaning, if nothing else shows which.
      architecture: of the model, as transformers names it.
      given: the activation that a user states.

    Raises:
      ConfigError: no activation, an unknown or an ambiguous one, or two that contradict each other.
    """
    names = TRANSFORMERS if is_of_transformers(values) else ELECTRA if architecture == "electra" else ORIGINAL
    stated = values.get("activation")
    if stated is not None and names is not TRANSFORMERS:
        return str(stated)
    if "hidden_act" not in values:
        raise ConfigError("hidden_act is missing")
    act = values["hidden_act"]
    if ambiguous and act == "gelu" and names is ORIGINAL:
        if given is not None:
            return given
        raise ConfigError(
            "hidden_act gelu is ambiguous beside these weights: give --activation gelu_tanh (the original BERT) "
            'or gelu_erf (transformers), or add it as "activation"'
        )
    if not isinstance(act, str) or act not in names:
        raise ConfigError(f"unknown activation: hidden_act is {act!r}, expected one of {', '.join(names)}")
    if stated not in (None, names[act]):
        raise ConfigError(f"activation is {stated!r}, but hidden_act {act} of transformers is {names[act]}")
    return names[act]


def transformers_act(activation: str) -> str:
    """The `hidden_act` of a `config.json` for one of `ACTIVATIONS`."""
    return next(act for act, meaning in TRANSFORMERS.items() if meaning == activation)


def original_act(activation: str, architecture: str = "bert") -> str:
    """The `hidden_act` of a `bert_config.json`: a reader of 2019 understands it correctly, or rejects it.

    The form of gelu that `gelu` does not mean there is written as `gelu_erf` or `gelu_tanh`.
    """
    meaning = (ELECTRA if architecture == "electra" else ORIGINAL)["gelu"]
    return "gelu" if activation == meaning else activation
