"""The sizes and the activation of a BERT encoder, as one immutable, validated value."""

from dataclasses import dataclass

from bertferry.core.architectures import ARCHITECTURES, Architecture
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
    """What determines the shapes and numerics of an encoder of BERT's family.

    Sizes count elements; the three rates are probabilities; `initializer_range` is the standard deviation of
    the truncated normal that initial weights are drawn from; `embedding_size` is the width of the embeddings if
    it differs from the hidden size (ALBERT, ELECTRA); `layer_norm_eps` is what is added to the variance in every
    layer normalization; `architecture` is one of `ARCHITECTURES`; `pad_id` is the id of padding.

    Raises:
      ConfigError: a size below one, heads that do not divide the hidden size, a rate outside [0, 1), an ε
        outside (0, 1), a padding id outside the vocabulary, or an unknown activation or architecture.
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
    architecture: str = "bert"
    pad_id: int = 0

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
        if self.architecture not in ARCHITECTURES:
            raise ConfigError(
                f"unknown architecture {self.architecture!r}: expected one of {', '.join(ARCHITECTURES)}"
            )
        self._check_padding()

    def _check_padding(self) -> None:
        """Refuses a padding id that is no token, or after which no position is left."""
        pad = self.pad_id
        if not isinstance(pad, int) or isinstance(pad, bool) or not 0 <= pad < self.vocab_size:
            raise ConfigError(f"pad_token_id is {pad!r}: it must be an id below vocab_size, {self.vocab_size}")
        if self.max_length < 1:
            raise ConfigError(
                f"max_position_embeddings is {self.max_position_embeddings}: none is left after pad_token_id {pad}"
            )

    @property
    def switches(self) -> Architecture:
        """How its architecture differs from BERT."""
        return ARCHITECTURES[self.architecture]

    @property
    def is_projected(self) -> bool:
        """Whether its embeddings are projected to the hidden size."""
        unequal = self.embedding_size not in (None, self.hidden_size)
        return self.switches.projection == "always" or (self.switches.projection == "if_unequal" and unequal)

    @property
    def max_length(self) -> int:
        """The longest sequence that it takes, in tokens."""
        before = self.pad_id + 1 if self.switches.counts_positions else 0
        return self.max_position_embeddings - before

    def block(self, layer: int) -> str:
        """The first part of the names of a layer's parameters."""
        return "encoder" if self.switches.shares_blocks else f"encoder/{layer}"

    @property
    def head_size(self) -> int:
        """Width of one attention head: hidden_size / num_attention_heads."""
        return self.hidden_size // self.num_attention_heads
