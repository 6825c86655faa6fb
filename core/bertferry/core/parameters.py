"""The canonical parameters of a BERT network: their names, and what each of their axes means.

Every checkpoint layout is a table over these names. The two axes of a square
kernel have different names (`hidden pooled`), so that a transpose cannot go unnoticed.
"""

from bertferry.core.config import EncoderConfig
from bertferry.core.tasks import HEADS, TaskSpec

ENCODER_AXES: dict[str, str] = {
    "embeddings/word": "vocab hidden",
    "embeddings/position": "position hidden",
    "embeddings/segment": "segment hidden",
    "embeddings/norm/gamma": "hidden",
    "embeddings/norm/beta": "hidden",
    "encoder/{layer}/attention/query/kernel": "hidden heads head_size",
    "encoder/{layer}/attention/query/bias": "heads head_size",
    "encoder/{layer}/attention/key/kernel": "hidden heads head_size",
    "encoder/{layer}/attention/key/bias": "heads head_size",
    "encoder/{layer}/attention/value/kernel": "hidden heads head_size",
    "encoder/{layer}/attention/value/bias": "heads head_size",
    "encoder/{layer}/attention/output/kernel": "heads head_size hidden",
    "encoder/{layer}/attention/output/bias": "hidden",
    "encoder/{layer}/attention/norm/gamma": "hidden",
    "encoder/{layer}/attention/norm/beta": "hidden",
    "encoder/{layer}/intermediate/kernel": "hidden intermediate",
    "encoder/{layer}/intermediate/bias": "intermediate",
    "encoder/{layer}/output/kernel": "intermediate hidden",
    "encoder/{layer}/output/bias": "hidden",
    "encoder/{layer}/output/norm/gamma": "hidden",
    "encoder/{layer}/output/norm/beta": "hidden",
    "pooler/kernel": "hidden pooled",
    "pooler/bias": "pooled",
}
"""Templates of the encoder's parameters: 7, and 16 per layer."""

_AXES = ENCODER_AXES | {name: axes for head in HEADS.values() for name, axes in head.parameters.items()}


def canonical_axes(parameter: str) -> str:
    """The axes of a parameter as the networks hold it: `encoder/3/output/bias` → `hidden`.

    Raises:
      KeyError: no parameter has this name.
    """
    return _AXES["/".join("{layer}" if part.isdecimal() else part for part in parameter.split("/"))]


def parameter_names(num_layers: int, heads: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The canonical parameter names of an encoder with `num_layers` blocks and these heads."""
    before = [name for name in ENCODER_AXES if name.startswith("embeddings/")]
    block = [name for name in ENCODER_AXES if name.startswith("encoder/")]
    after = [name for name in ENCODER_AXES if name.startswith("pooler/")]
    layers = [name.format(layer=layer) for layer in range(num_layers) for name in block]
    return (*before, *layers, *after, *(name for head in heads for name in HEADS[head].parameters))


def task_parameters(task: TaskSpec, num_layers: int) -> tuple[str, ...]:
    """Canonical names of the parameters that a task's outputs depend on: a span labeler needs no pooler."""
    names = parameter_names(num_layers, task.heads)
    return tuple(name for name in names if task.needs_pooler or not name.startswith("pooler/"))


def axis_sizes(config: EncoderConfig) -> dict[str, int]:
    """The size of every axis that a configuration determines (all but `classes`)."""
    return {
        "vocab": config.vocab_size,
        "position": config.max_position_embeddings,
        "segment": config.type_vocab_size,
        "embedding": config.embedding_size or config.hidden_size,
        "hidden": config.hidden_size,
        "heads": config.num_attention_heads,
        "head_size": config.head_size,
        "intermediate": config.intermediate_size,
        "pooled": config.hidden_size,
        "transform": config.embedding_size or config.hidden_size,
        "nsp": 2,
        "choice": 1,
        "judged": config.hidden_size,
        "replaced": 1,
        "span": 2,
    }
