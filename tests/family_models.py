"""Random models of transformers of every architecture of the family."""

from typing import Any

SIZES = {
    "vocab_size": 30,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 18,
    "hidden_act": "gelu",
}
DISTILBERT = {
    "vocab_size": 30,
    "dim": 8,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 12,
    "max_position_embeddings": 16,
}
KINDS: dict[str, dict[str, Any]] = {
    "Roberta": {**SIZES, "pad_token_id": 1, "layer_norm_eps": 1e-5},
    "Camembert": {**SIZES, "pad_token_id": 3, "hidden_act": "relu"},
    "XLMRoberta": {**SIZES, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    "Data2VecText": {**SIZES, "layer_norm_eps": 1e-5},
    "MPNet": {**SIZES, "layer_norm_eps": 1e-5, "max_position_embeddings": 202},
    "DistilBert": DISTILBERT,
    "Albert": {**SIZES, "embedding_size": 6},
    "Electra": {**SIZES, "embedding_size": 6, "layer_norm_eps": 1e-9, "hidden_act": "gelu_new"},
    "Bert": SIZES,
}
"""Their sizes; positions of MPNet reach into the last bucket of distances, ELECTRA's heads have another gelu."""


def random_model(kind, suffix, **keys):
    """A model of a class of transformers with random weights; needs the extra `torch`."""
    import torch
    import transformers

    config = getattr(transformers, f"{kind}Config")(**KINDS[kind], **keys)
    torch.manual_seed(0)
    model = getattr(transformers, kind + suffix)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    model.tie_weights()
    return model
