"""The encoder of Devlin et al., 2018, with the switches of its family, and its pooler."""

from collections.abc import Callable

import numpy as np

from bertferry.core.config import MASKED_SCORE, EncoderConfig
from bertferry.core.relative_positions import BUCKET_OF_DISTANCE, BUCKETS, FARTHEST
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.verify.numpy_network.activations import ACTIVATION_FUNCTIONS
from bertferry.verify.numpy_network.operations import ScoreBias, attention, dense, layer_norm, look_up
from bertferry.verify.numpy_network.weights import Weights
from bertferry.verify.runner import Arrays

Keep = Callable[[str, np.ndarray], np.ndarray]
"""Is given the value at each named point, and returns the value to go on with."""


def encode(
    weights: Weights, config: EncoderConfig, inputs: Arrays, keep: Keep, *, attentions: bool = False
) -> np.ndarray:
    """One vector per token: integers [B, S] by the names of `ENCODER_INPUTS` → [B, S, H].

    With `attentions`, the probabilities of attention are points, too.

    Raises:
      ValueError: an id, a segment or the length is outside its table.
    """
    ids, mask, types = (inputs[name] for name in ENCODER_INPUTS)
    hidden = keep("embeddings", embed(weights, config, ids, types))
    bias = ScoreBias(attention_bias(mask).astype(hidden.dtype), relative_bias(weights, config, ids.shape[1]))
    for layer in range(config.num_layers):
        hidden = run_layer(weights, config, layer, hidden, bias, keep, attentions)
    return hidden


def embed(weights: Weights, config: EncoderConfig, ids: np.ndarray, types: np.ndarray) -> np.ndarray:
    """The normalized sum of token, position and segment embeddings, projected if they are: [B, S] → [B, S, H]."""
    vectors = look_up(ids, weights, "embeddings/word")
    vectors += look_up(find_positions(config, ids), weights, "embeddings/position")
    if config.switches.has_segments:
        vectors += look_up(types, weights, "embeddings/segment")
    elif types.any():
        raise ValueError(f"{config.architecture} has no segments: no segment {types.max()}")
    vectors = layer_norm(vectors, weights, "embeddings/norm", config.layer_norm_eps)
    return dense(vectors, weights, "embeddings/projection") if config.is_projected else vectors


def find_positions(config: EncoderConfig, ids: np.ndarray) -> np.ndarray:
    """The rows of the position table: [B, S] → [S], or [B, S] where they are counted.

    Counted as `create_position_ids_from_input_ids` of transformers does: over ids, whatever the mask says.
    """
    if not config.switches.counts_positions:
        return np.arange(ids.shape[1])
    tokens = ids != config.pad_id
    return np.asarray(np.cumsum(tokens, axis=1) * tokens + config.pad_id)


def attention_bias(mask: np.ndarray) -> np.ndarray:
    """What to add to the scores: [B, S] → float64 [B, S], 0 for tokens and -10000 for padding.

    Only the differences of scores matter to the softmax. A row of padding gets 0 throughout: adding -10000 to all
    of its scores would round them to multiples of 1e-3.
    """
    bias = (1.0 - mask) * MASKED_SCORE
    return np.asarray(bias - bias.max(axis=-1, keepdims=True))


def relative_bias(weights: Weights, config: EncoderConfig, length: int) -> np.ndarray | None:
    """What to add to the scores by relative position, [N, S, S], if anything."""
    if not config.switches.relative_positions:
        return None
    places = np.arange(length)
    after = places - places[:, np.newaxis]  # of each key from each query
    buckets = np.array(BUCKET_OF_DISTANCE)[np.minimum(np.abs(after), FARTHEST)] + (after > 0) * (BUCKETS // 2)
    return np.asarray(weights["embeddings/relative"][buckets].transpose(2, 0, 1))


def run_layer(
    weights: Weights,
    config: EncoderConfig,
    layer: int,
    hidden: np.ndarray,
    bias: ScoreBias,
    keep: Keep,
    attentions: bool,
) -> np.ndarray:
    """Self-attention and a feed-forward network, each with residual and LayerNorm: [B, S, H] → [B, S, H]."""
    place, point, epsilon = config.block(layer), f"layer_{layer}", config.layer_norm_eps
    shape = hidden.shape[0], config.num_attention_heads, *hidden.shape[1:2] * 2
    probabilities = np.empty(shape, hidden.dtype) if attentions else None
    attended = attend(weights, config, f"{place}/attention", hidden, bias, probabilities)
    if probabilities is not None:
        keep(f"{point}/probabilities", probabilities)
    attended = keep(f"{point}/attention", attended)
    normed = layer_norm(attended + hidden, weights, f"{place}/attention/norm", epsilon)
    normed = keep(f"{point}/attention_norm", normed)
    inner = dense(normed, weights, f"{place}/intermediate", ACTIVATION_FUNCTIONS[config.activation])
    outer = dense(inner, weights, f"{place}/output")
    return keep(f"{point}/output", layer_norm(outer + normed, weights, f"{place}/output/norm", epsilon))


def attend(
    weights: Weights,
    config: EncoderConfig,
    place: str,
    hidden: np.ndarray,
    bias: ScoreBias,
    probabilities: np.ndarray | None,
) -> np.ndarray:
    """Multi-head self-attention and its output projection: [B, S, H] → [B, S, H].

    `probabilities` [B, N, S, S] gets those with which each token attends to each.
    """
    heads = (*hidden.shape[:2], config.num_attention_heads, config.head_size)
    query, key, value = (
        dense(hidden, weights, f"{place}/{part}").reshape(heads) for part in ("query", "key", "value")
    )
    query /= config.head_size**0.5
    context = attention(query, key, value, bias, probabilities)
    return dense(context.reshape(hidden.shape), weights, f"{place}/output")


def pool(weights: Weights, config: EncoderConfig, sequence: np.ndarray, keep: Keep) -> np.ndarray:
    """The first token's vector through the pooler: [B, S, H] → [B, H]."""
    activation = ACTIVATION_FUNCTIONS[config.switches.pooler_activation]
    return keep("pooler", dense(sequence[:, 0], weights, "pooler", activation))
