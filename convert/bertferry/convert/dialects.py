"""What the configurations of transformers call BERT's keys in other architectures, and which of them they lack."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bertferry.core.architectures import ARCHITECTURES
from bertferry.core.config import ConfigError
from bertferry.core.relative_positions import BUCKETS


@dataclass(frozen=True)
class Dialect:
    """The configuration of an architecture, compared with BERT's.

    Attributes:
      keys: BERT's keys by its own.
      fixed: keys of BERT that it lacks, with the values that its code has.
      required: its own keys that change what is computed, with the only value that is supported.
      unused: its own keys that change nothing that is computed from stored weights.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    required: dict[str, Any] = field(default_factory=dict)
    unused: tuple[str, ...] = ()


DIALECTS: dict[str, Dialect] = {
    "distilbert": Dialect(
        keys={
            "dim": "hidden_size",
            "n_layers": "num_hidden_layers",
            "n_heads": "num_attention_heads",
            "hidden_dim": "intermediate_size",
            "activation": "hidden_act",
            "dropout": "hidden_dropout_prob",
            "attention_dropout": "attention_probs_dropout_prob",
        },
        fixed={"type_vocab_size": 1, "layer_norm_eps": 1e-12},
        unused=("sinusoidal_pos_embds",),
    ),
    "electra": Dialect(
        required={"summary_type": "first", "summary_use_proj": True, "summary_activation": "gelu"},
    ),
    "mpnet": Dialect(
        fixed={"type_vocab_size": 1, "pad_token_id": 1},
        required={"relative_attention_num_buckets": BUCKETS},
    ),
}
"""Of the architectures whose keys are not BERT's."""


def stated_architecture(values: Mapping[str, Any]) -> str | None:
    """The architecture that a configuration states; None if it states none that is known.

    Those of transformers before 2.3 have no `model_type`, but the name of a class.
    """
    stated = values.get("model_type", values.get("architecture"))
    if stated is not None:
        return stated if isinstance(stated, str) and stated in ARCHITECTURES else None
    names = values.get("architectures")
    classes = str(names[0]) if isinstance(names, list | tuple) and names else ""
    found = [one for one in ARCHITECTURES.values() if classes.startswith(one.classes) and one.name != "bert"]
    return max(found, key=lambda one: len(one.classes)).name if found else None


def keys_of_bert(values: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with BERT's keys in place of its own.

    Raises:
      ConfigError: it has one of BERT's keys with another value than the architecture's code.
    """
    dialect = DIALECTS.get(stated_architecture(values) or "")
    if dialect is None or "architecture" in values:
        return dict(values)
    for key, value in (dialect.fixed | dialect.required).items():
        if values.get(key, value) != value:
            raise ConfigError(f"{key} is {values[key]!r}: in this architecture only {value!r} is supported")
    left_out = (*dialect.required, *dialect.unused)
    renamed = {dialect.keys.get(key, key): value for key, value in values.items() if key not in left_out}
    return {**renamed, **dialect.fixed}


def own_keys(values: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """The inverse: a configuration with an architecture's own keys in place of BERT's."""
    dialect = DIALECTS.get(architecture, Dialect())
    own = {theirs: ours for ours, theirs in dialect.keys.items()}
    kept = {own.get(key, key): value for key, value in values.items() if key not in dialect.fixed}
    return {**kept, **dialect.required}
