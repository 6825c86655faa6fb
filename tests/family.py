"""Small configurations of every architecture, and random checkpoints of them."""

from dataclasses import replace

import numpy as np
from safetensors.numpy import save_file

from bertferry.convert import LAYOUTS
from bertferry.convert.classifier_config import ClassifierConfig
from bertferry.convert.configuration import write_configuration
from bertferry.core import axes
from bertferry.core.config import EncoderConfig
from bertferry.core.parameters import axis_sizes

BERT = EncoderConfig(30, 8, 3, 2, 12, 16, 3, "gelu_erf")
ROBERTA = replace(BERT, type_vocab_size=1, max_position_embeddings=18, pad_id=1, layer_norm_eps=1e-5)
CONFIGS = {
    "albert": replace(BERT, architecture="albert", embedding_size=6),
    "albert_of_equal_sizes": replace(BERT, architecture="albert"),
    "electra": replace(BERT, architecture="electra"),
    "electra_projected": replace(BERT, architecture="electra", embedding_size=6),
    "roberta": replace(ROBERTA, architecture="roberta"),
    "camembert": replace(
        ROBERTA, architecture="camembert", pad_id=3, max_position_embeddings=20, type_vocab_size=2
    ),
    "distilbert": replace(BERT, architecture="distilbert", type_vocab_size=1),
    "mpnet": replace(ROBERTA, architecture="mpnet", max_position_embeddings=202),
}
"""By name; positions of MPNet reach into the last bucket of distances."""


def save_random(config, folder, heads=(), classes=3):
    """A folder of transformers with a random model; returns the folder."""
    layout = LAYOUTS[f"huggingface_{config.switches.tables}"]
    form, sizes = layout.form_with(heads), axis_sizes(config) | {"classes": classes}
    assert form is not None
    generator = np.random.default_rng(0)
    tensors = {
        row.stored: generator.normal(scale=0.4, size=axes.shape(row.axes, sizes)).astype(np.float32)
        for row in layout.bind(form, config.num_layers, sizes=sizes)
    }
    folder.mkdir(parents=True)
    has_classes = any(name.startswith(("classifier", "tokens")) for name in heads)
    write_configuration(folder, config, layout, heads, ClassifierConfig(), classes if has_classes else None)
    save_file(tensors, folder / "model.safetensors")
    return folder
