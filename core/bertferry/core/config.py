"""The sizes and the activation of a BERT encoder, as one immutable, validated value."""

from dataclasses import dataclass

from bertferry.core.errors import UsageError

ACTIVATIONS = (
    *("gelu_tanh", "gelu_erf", "gelu_10", "quick_gelu", "relu", "relu2", "relu6", "leaky_relu"),
    *("tanh", "sigmoid", "silu", "hardswish", "mish", "sqrtsoftplus", "laplace", "linear"),
)
"""Names of activations. `gelu_tanh` is the tanh approximation of the original BERT, `gelu_erf` the exact form; the
others are named as in transformers."""
LAYER_NORM_EPSILON = 1e-12
"""The ε of LayerNorm in google-research/bert; other models may have another."""
MASKED_SCORE = -10000.0
"""Added to the attention scores of masked positions, as in google-research/bert."""


class ConfigError(UsageError, ValueError):
    """A configuration that is inconsistent, or that no network here can represent."""


@dataclass(frozen=True)
class EncoderConfig:
    """What determines a BERT encoder's shapes and numerics.

    Sizes count elements; the three rates are probabilities; `initializer_range` is the standard deviation of
    the truncated normal that initial weights are drawn from; `embedding_size` is the width of the embeddings if
    it differs from the hidden size (ALBERT, ELECTRA); `layer_norm_eps` is what is added to the variance in every
    layer normalization.

    Raises:
      ConfigError: a size below one, heads that do not divide the hidden size, a rate outside [0, 1), an ε
        outside (0, 1), or an unknown activation.
    """

    vocab_size: int
    hidden_size: int
    num_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    activation: str
    dropout_rate: float = 0.1
    attention_dropout_rate: float = 0.1
    initializer_range: float = 0.02
    embedding_size: int | None = None
    layer_norm_eps: float = LAYER_NORM_EPSILON

    def __post_init__(self) -> None:
        for name in (
            "vocab_size",
            "hidden_size",
            "num_layers",
            "num_attention_heads",
            "intermediate_size",
            "max_position_embeddings",
            "type_vocab_size",
            "embedding_size",
        ):
            value = getattr(self, name)
            if name == "embedding_size" and value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} is {value!r}: it must be a positive integer")
        for name in ("dropout_rate", "attention_dropout_rate"):
            rate = getattr(self, name)
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
                raise ConfigError(f"{name} is {rate!r}: it must be a number in [0, 1)")
        epsilon = self.layer_norm_eps
        if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not 0 < epsilon < 1:
            raise ConfigError(f"layer_norm_eps is {epsilon!r}: it must be a number between 0 and 1")
        if isinstance(self.initializer_range, bool) or not isinstance(self.initializer_range, int | float):
            raise ConfigError(f"initializer_range is {self.initializer_range!r}: it must be a number")
        if self.hidden_size % self.num_attention_heads:
            raise ConfigError(
                f"num_attention_heads {self.num_attention_heads} does not divide hidden_size {self.hidden_size}"
            )
        if self.activation not in ACTIVATIONS:
            raise ConfigError(f"unknown activation {self.activation!r}: expected one of {', '.join(ACTIVATIONS)}")

    @property
    def head_size(self) -> int:
        """Width of one attention head: hidden_size / num_attention_heads."""
        return self.hidden_size // self.num_attention_heads
