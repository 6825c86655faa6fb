"""The canonical parameters of a network of BERT's family: their names, and what each of their axes means.

Every checkpoint layout is a table over these names. The two axes of a square
kernel have different names (`hidden pooled`), so that a transpose cannot go unnoticed.
"""

from bertferry.core.config import EncoderConfig
from bertferry.core.relative_positions import BUCKETS
from bertferry.core.tasks import HEADS, TaskSpec

ENCODER_AXES: dict[str, str] = {
    "embeddings/word": "vocab embedding",
    "embeddings/position": "position embedding",
    "embeddings/segment": "segment embedding",
    "embeddings/norm/gamma": "embedding",
    "embeddings/norm/beta": "embedding",
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
"""Templates of BERT's parameters: 7, and 16 per layer."""
PROJECTION_AXES = {"embeddings/projection/kernel": "embedding hidden", "embeddings/projection/bias": "hidden"}
"""From the embeddings to the hidden size, of the architectures that have it."""
RELATIVE_AXES = {"embeddings/relative": "bucket heads"}
"""The bias of attention by relative position."""
# A block that all layers share has no number.
SHARED_AXES = {name.replace("{layer}/", ""): axes for name, axes in ENCODER_AXES.items()}
HEAD_AXES = {name: axes for head in HEADS.values() for name, axes in head.parameters.items()}
_AXES = ENCODER_AXES | PROJECTION_AXES | RELATIVE_AXES | SHARED_AXES | HEAD_AXES


def canonical_axes(parameter: str) -> str:
    """The axes of a parameter as the networks hold it: `encoder/3/output/bias` → `hidden`.

    Raises:
      KeyError: no parameter has this name.
    """
    return _AXES["/".join("{layer}" if part.isdecimal() else part for part in parameter.split("/"))]


def parameter_names(num_layers: int, heads: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The canonical parameter names of a BERT with `num_layers` blocks and these heads."""
    before = [name for name in ENCODER_AXES if name.startswith("embeddings/")]
    block = [name for name in ENCODER_AXES if name.startswith("encoder/")]
    after = [name for name in ENCODER_AXES if name.startswith("pooler/")]
    layers = [name.format(layer=layer) for layer in range(num_layers) for name in block]
    return (*before, *layers, *after, *(name for head in heads for name in HEADS[head].parameters))


def encoder_parameters(config: EncoderConfig) -> tuple[str, ...]:
    """The canonical parameter names of an encoder with its pooler."""
    layers = 1 if config.switches.shares_blocks else config.num_layers
    names = [
        name for name in parameter_names(layers) if config.switches.has_segments or name != "embeddings/segment"
    ]
    if config.switches.shares_blocks:
        names = [name.replace("encoder/0/", "encoder/") for name in names]
    after = names.index("embeddings/norm/beta") + 1
    names[after:after] = [
        *(PROJECTION_AXES if config.is_projected else ()),
        *(RELATIVE_AXES if config.switches.relative_positions else ()),
    ]
    return tuple(names)


def task_parameters(task: TaskSpec, config: EncoderConfig) -> tuple[str, ...]:
    """Canonical names of the parameters that a task's outputs depend on: a span labeler needs no pooler."""
    names = (*encoder_parameters(config), *(name for head in task.heads for name in HEADS[head].parameters))
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
        "bucket": BUCKETS,
        "intermediate": config.intermediate_size,
        "pooled": config.hidden_size,
        "transform": config.embedding_size or config.hidden_size,
        "nsp": 2,
        "choice": 1,
        "judged": config.hidden_size,
        "replaced": 1,
        "span": 2,
    }
