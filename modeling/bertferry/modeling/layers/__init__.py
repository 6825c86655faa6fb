"""The layers of the Keras networks."""

from bertferry.modeling.layers.attention import Attention
from bertferry.modeling.layers.dense_einsum import DenseEinsum
from bertferry.modeling.layers.masked_softmax import MaskedSoftmax
from bertferry.modeling.layers.on_device_embedding import OnDeviceEmbedding
from bertferry.modeling.layers.position_embedding import PositionEmbedding
from bertferry.modeling.layers.self_attention_mask import SelfAttentionMask
from bertferry.modeling.layers.transformer import Transformer

__all__ = [
    "Attention",
    "DenseEinsum",
    "MaskedSoftmax",
    "OnDeviceEmbedding",
    "PositionEmbedding",
    "SelfAttentionMask",
    "Transformer",
]
