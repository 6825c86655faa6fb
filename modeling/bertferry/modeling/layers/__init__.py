"""The layers of the Keras networks."""

from bertferry.modeling.layers.attention import Attention
from bertferry.modeling.layers.counted_position_embedding import CountedPositionEmbedding
from bertferry.modeling.layers.dense_einsum import DenseEinsum
from bertferry.modeling.layers.masked_softmax import MaskedSoftmax
from bertferry.modeling.layers.on_device_embedding import OnDeviceEmbedding
from bertferry.modeling.layers.pooler import Pooler
from bertferry.modeling.layers.position_embedding import PositionEmbedding
from bertferry.modeling.layers.relative_position_bias import RelativePositionBias
from bertferry.modeling.layers.self_attention_mask import SelfAttentionMask
from bertferry.modeling.layers.transformer import Transformer

__all__ = [
    "Attention",
    "CountedPositionEmbedding",
    "DenseEinsum",
    "MaskedSoftmax",
    "OnDeviceEmbedding",
    "Pooler",
    "PositionEmbedding",
    "RelativePositionBias",
    "SelfAttentionMask",
    "Transformer",
]
