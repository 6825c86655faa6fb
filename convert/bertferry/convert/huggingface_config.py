"""Writes the `config.json` of a model of transformers.

https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertConfig
"""

from collections.abc import Mapping
from typing import Any

from bertferry.convert.dialects import own_keys
from bertferry.convert.hidden_act import transformers_act
from bertferry.core.config import EncoderConfig
from bertferry.core.tasks import TRANSFORMERS_CLASSES


def huggingface_config(config: EncoderConfig, sizes: Mapping[str, Any], heads: tuple[str, ...]) -> dict[str, Any]:
    """The keys of a `config.json` that `AutoModel` classes of transformers load; `sizes` are those that it shares
    with a `bert_config.json`."""
    values = {
        **sizes,
        "architectures": [config.switches.classes + TRANSFORMERS_CLASSES[heads]],
        "hidden_act": transformers_act(config.activation),
        "layer_norm_eps": config.layer_norm_eps,
        "model_type": config.architecture,
        "pad_token_id": config.pad_id,
    }
    if config.switches.projection != "never":
        values["embedding_size"] = config.embedding_size or config.hidden_size
    return own_keys(values, config.architecture)
