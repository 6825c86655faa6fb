"""How an encoder's outputs become the embedding of a text, as sentence-transformers has it.

https://sbert.net/docs/package_reference/sentence_transformer/models.html
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

POOLING_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Keys of `1_Pooling/config.json`, and names of what they turn on, in the order of their concatenation."""
ACTIVATIONS = {
    "identity": "torch.nn.modules.linear.Identity",
    "tanh": "torch.nn.modules.activation.Tanh",
    "relu": "torch.nn.modules.activation.ReLU",
    "gelu": "torch.nn.modules.activation.GELU",
    "sigmoid": "torch.nn.modules.activation.Sigmoid",
}
"""Activations of Dense, and how its `config.json` names them; gelu is the exact one."""
POOLINGS = ("pooled", *POOLING_MODES.values())
"""`pooled`, the pooler's output, is none of sentence-transformers."""


@dataclass(frozen=True)
class Dense:
    """A layer on the embedding [B, `in_features`]: its product with a kernel, a bias if it has one, an activation.

    `weights` is the file with `linear.weight` [out, in] and `linear.bias`, or, if `variable` is not None, the
    prefix of a SavedModel's variables, of which those are `{variable}/kernel` [in, out] and `{variable}/bias`.
    `activation` is one of `ACTIVATIONS`.
    """

    in_features: int
    out_features: int
    bias: bool
    activation: str
    weights: Path
    variable: str | None = None


@dataclass(frozen=True)
class Normalize:
    """Embeddings are scaled to unit length."""


@dataclass(frozen=True)
class Sentence:
    """What follows the encoder, and what precedes texts.

    Attributes:
      poolings: of `POOLINGS`; several are concatenated in this order.
      include_prompt: whether the tokens of a prompt are pooled, too.
      layers: what follows the pooling, in this order.
      prompts: texts to be put before a text, by name.
      default_prompt: the name of the one that is put before each text if none is named; None: none is.
    """

    poolings: tuple[str, ...]
    include_prompt: bool = True
    layers: tuple[Dense | Normalize, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None

    def facts(self) -> dict[str, Any]:
        """What it does, for reports: without files and weights."""
        values = asdict(self)
        layers = [{"type": type(layer).__name__, **asdict(layer)} for layer in self.layers]
        return {
            **values,
            "poolings": list(self.poolings),
            "layers": [
                {key: layer[key] for key in layer if key not in ("weights", "variable")} for layer in layers
            ],
        }

    def width(self, hidden: int) -> int:
        """The size of an embedding, for an encoder's hidden size."""
        sizes = [layer.out_features for layer in self.layers if isinstance(layer, Dense)]
        return sizes[-1] if sizes else hidden * len(self.poolings)
