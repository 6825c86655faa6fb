"""Keys of a configuration that change what a model computes in a way that nothing here does.

Most such changes add or remove tensors, which reading a file reveals. These leave the tensors as they are, or are
better named than the tensors: a decoder has the same tensors as an encoder.
"""

from collections.abc import Mapping
from typing import Any

from bertferry.convert.dialects import stated_architecture
from bertferry.convert.globs import any_of
from bertferry.core.architectures import ARCHITECTURES
from bertferry.core.config import ConfigError

OTHER_FAMILIES = (
    *("XLM", "XLNet", "GPT2", "OpenAIGPT", "CTRL"),
    *(
        "TransfoXL",
        "MobileBert",
        "Ernie",
        "NezhaFor",
        "NezhaModel",
        "RoFormer",
        "Splinter",
        "BertGeneration",
    ),
)
"""Classes of transformers whose tensors may have BERT's names; its versions before 2.3 wrote no `model_type`."""

UNSUPPORTED = {
    "is_decoder": "in a decoder each token attends only to those before it",
    "is_encoder_decoder": "it has a decoder, whose tokens attend only to those before them",
    "add_cross_attention": "it attends to the output of another model",
    "pruned_heads": "attention heads were removed: its layers differ in size",
    "quantization_config": "its weights are quantized",
    "compression_config": "its weights are compressed",
    "adapters": "it has adapters between its layers: merge them or save the model without them",
    "auto_map": "it runs code of its own: remove the key if the code computes the same as BERT",
}
"""Keys that must be absent or off, with their meaning."""
OPTIONAL_MEANING = {
    "position_embedding_type": ("absolute",),
    "attention_type": ("full", "original_full", "bi"),
    "directionality": ("bidi",),
    "feed_forward_type": ("original",),
    "normalization_type": ("layer_norm",),
    "layer_norm_type": ("layer_norm", "post"),
    "layernorm_positioning": ("post",),
    "num_hidden_groups": (1,),
    "inner_group_num": (1,),
    "net_structure_type": (0,),
    "gap_size": (0,),
    "num_memory_blocks": (0,),
    "down_scale_factor": (1,),
    "summary_proj_to_labels": (False,),
}
"""Keys with the values that are BERT's; no ALBERT with more than one group of shared blocks was ever released, nor
one with another value of the four keys after these."""
SUSPICIOUS = (
    *("*causal*", "*cross_attention*", "*relative_position*", "*relative_attention*", "*rotary*", "rope_*"),
    *("*alibi*", "*norm_first*", "*pre_norm*", "*prenorm*", "*pre_layer_norm*", "*rms_norm*", "*rmsnorm*"),
    *("*sliding_window*", "*attention_window*", "*local_attention*", "*block_sparse*", "num_experts*", "*moe_*"),
    *("*lora*", "*adapter*", "ia3_*", "pre_seq_len", "prefix_projection", "prompt_*", "use_task_id"),
    *("*layer_norm_epsilon*", "*layernorm_eps*", "norm_eps*", "attention_scal*", "*softcap*", "trigram_input"),
)
"""Keys of models derived from BERT, for which BERT itself has no use: they must be absent or off."""
OFF = (None, False, 0, "", "none")


def check_supported(values: Mapping[str, Any]) -> None:
    """Refuses a configuration of a model that computes something other than BERT, ALBERT or ELECTRA.

    Raises:
      ConfigError: the key, its value and its meaning.
    """
    _check_type(values)
    for key, meaning in UNSUPPORTED.items():
        if not _is_off(values.get(key)):
            raise ConfigError(f"{key} is {_shown(values[key])}: {meaning}, which is not supported")
    for key, known in OPTIONAL_MEANING.items():
        if not _is_off(values.get(key)) and values[key] not in known:
            raise ConfigError(f"{key} is {_shown(values[key])}: only {known[0]} is supported")
    for key, value in values.items():
        if any_of(SUSPICIOUS).match(key.lower()) and not _is_off(value):
            raise ConfigError(
                f"{key} is {_shown(value)}: BERT has no such key, and the model may compute something else: "
                "remove it if it does not"
            )


def _check_type(values: Mapping[str, Any]) -> None:
    if "model_type" in values:
        if (model_type := values["model_type"]) not in tuple(ARCHITECTURES):
            raise ConfigError(f"model_type is {model_type!r}: only {', '.join(ARCHITECTURES)} are supported")
        return
    if stated_architecture(values) is not None:
        return
    if may_be_roberta(values):
        raise ConfigError(
            "type_vocab_size 1 and layer_norm_eps 1e-05 are those of RoBERTa: "
            'add "model_type": "roberta", or "bert" if it is BERT'
        )
    architectures = values.get("architectures")
    for name in architectures if isinstance(architectures, list | tuple) else ():
        if str(name).startswith(OTHER_FAMILIES):
            known = ", ".join(one.classes for one in ARCHITECTURES.values())
            raise ConfigError(f"architectures is {_shown(architectures)}: only {known} are supported")


def may_be_roberta(values: Mapping[str, Any]) -> bool:
    """Whether a configuration that states no architecture may be one of RoBERTa."""
    return values.get("type_vocab_size") == 1 and values.get("layer_norm_eps") == 1e-5


def _is_off(value: object) -> bool:
    """Whether a value means that there is no such thing; empty lists and mappings, one level deep, too."""
    if isinstance(value, Mapping):
        return all(_is_off(item) for item in value.values())
    return value in OFF or value == []


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
