"""Writes the `config.json` of a `Bert*` model of transformers.

https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertConfig
"""

from collections.abc import Mapping
from typing import Any

from bertferry.convert.hidden_act import transformers_act
from bertferry.convert.layout import Layout
from bertferry.convert.unsupported_keys import MODEL_TYPES
from bertferry.core.config import EncoderConfig
from bertferry.core.tasks import TRANSFORMERS_CLASSES


def huggingface_config(
    config: EncoderConfig, sizes: Mapping[str, Any], layout: Layout, heads: tuple[str, ...]
) -> dict[str, Any]:
    """The keys of a `config.json` that `AutoModel` classes of transformers load; `sizes` are those that it shares
    with a `bert_config.json`."""
    return {
        **sizes,
        "architectures": [MODEL_TYPES[layout.architecture] + TRANSFORMERS_CLASSES[heads]],
        "hidden_act": transformers_act(config.activation),
        "layer_norm_eps": config.layer_norm_eps,
        "model_type": layout.architecture,
        "pad_token_id": 0,
    }
