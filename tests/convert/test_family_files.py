"""Files of transformers' TensorFlow and Flax classes of every architecture compute what their class computed."""

import numpy as np
import pytest
from closeness import assert_close
from safetensors.numpy import save_file

from bertferry.convert import ConversionOptions, convert_checkpoint, diff_checkpoints, open_checkpoint
from bertferry.convert.command import main
from bertferry.convert.heads import with_task
from bertferry.convert.layouts import LAYOUTS, OF_TRANSFORMERS
from bertferry.core.tasks import POSITIONS_INPUT
from bertferry.verify.runners.numpy_network import NumpyNetworkRunner

FILES = {
    "hf_tf_roberta_mlm_L2": ("huggingface_tf_roberta", "mlm"),
    "hf_tf_distilbert_cls_L2": ("huggingface_tf_distilbert", "classifier"),
    "hf_tf_mpnet_core_L2": ("huggingface_tf_mpnet", "encoder"),
    "hf_tf_weights_roberta_cls_L2": ("huggingface_tf_roberta_variables", "classifier"),
    "hf_tf_safetensors_camembert_mlm_L2": ("huggingface_tf_roberta", "mlm"),
    "hf_flax_roberta_choice_L2": ("huggingface_flax_roberta", "classifier"),
    "hf_flax_distilbert_mlm_L2": ("huggingface_flax_distilbert", "mlm"),
    "hf_flax_electra_cls_L2": ("huggingface_flax_electra", "classifier"),
    "hf_flax_albert_pretrain_L2": ("huggingface_flax_albert", "pretrainer"),
}
"""The layout of each, and its task."""
OUTPUTS = {
    "encoder": {"last_hidden_state": "sequence_output", "pooler_output": "pooled_output"},
    "mlm": {"logits": "mlm_logits"},
    "classifier": {"logits": "logits"},
    "pretrainer": {"prediction_logits": "mlm_logits", "sop_logits": "nsp_logits"},
}
"""By the names of transformers."""


@pytest.mark.parametrize("name", FILES)
def test_it_computes_what_its_class_computed(golden, name):
    """At every token that is not padding; the choices of a question are rows."""
    layout, task = FILES[name]
    checkpoint = with_task(open_checkpoint(golden / name), task)
    assert checkpoint.layout.name == layout
    with np.load(golden / name / "reference.npz") as stored:
        arrays = dict(stored)
    ids, mask = (arrays[key].reshape(-1, arrays[key].shape[-1]) for key in ("ids", "mask"))
    inputs = {
        "input_word_ids": ids,
        "input_mask": mask,
        "input_type_ids": arrays.get("seg", np.zeros_like(ids)),
        POSITIONS_INPUT: np.tile(np.arange(ids.shape[1], dtype=np.int32), (len(ids), 1)),
    }
    got = NumpyNetworkRunner(checkpoint, task).run(inputs)
    for own, output in OUTPUTS[task].items():
        want = arrays[own].reshape(got[output].shape)
        real = mask == 1 if want.shape[:2] == mask.shape else np.ones(len(want), bool)
        assert_close(got[output][real], want[real], "fp32-cross")


@pytest.mark.parametrize("name", FILES)
def test_it_becomes_a_folder_of_pytorch_with_the_same_bits(golden, tmp_path, name):
    convert_checkpoint(golden / name, tmp_path / "out", ConversionOptions("huggingface"))
    assert diff_checkpoints(golden / name, tmp_path / "out").equal
    assert open_checkpoint(tmp_path / "out").heads == open_checkpoint(golden / name).heads


def test_the_embeddings_that_a_language_model_repeats_are_those_of_its_encoder(golden):
    copies = open_checkpoint(golden / "hf_tf_roberta_mlm_L2").match.copies
    assert copies["lm_head/roberta/embeddings/word_embeddings/weight:0"] == "embeddings/word"
    assert len(copies) == 5


def test_every_architecture_has_the_files_of_its_tensorflow_classes():
    for layout in OF_TRANSFORMERS:
        name = layout.name.replace("huggingface", "huggingface_tf")
        assert {name, f"{name}_variables"} <= set(LAYOUTS)


def test_a_checkpoint_of_fairseq_is_refused_with_the_way_out(tmp_path, one_line):
    """In which RoBERTa has no segments, other names, and no configuration."""
    tensors = {
        "decoder.sentence_encoder.embed_tokens.weight": np.zeros((30, 8), np.float32),
        "decoder.sentence_encoder.layers.0.fc1.weight": np.zeros((12, 8), np.float32),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    assert main(["--input", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    one_line("is of a RoBERTa in fairseq: convert it with convert_roberta_original_pytorch_checkpoint")
