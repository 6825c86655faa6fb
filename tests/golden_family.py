"""Checkpoints of every architecture of the family: goldens, with what libraries computed, and random ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from closeness import assert_close
from safetensors.numpy import save_file

from bertferry.convert import SourceOptions
from bertferry.convert.classifier_config import ClassifierConfig
from bertferry.convert.configuration import write_configuration
from bertferry.convert.layouts import WRITTEN
from bertferry.core import axes
from bertferry.core.architectures import tables_of
from bertferry.core.config import EncoderConfig
from bertferry.core.parameters import axis_sizes
from bertferry.core.tasks import POSITIONS_INPUT

ALBERT = {"seq": "sequence_output", "pooled": "pooled_output", "mlm_logp": "mlm_logits", "sop_logp": "nsp_logits"}
DISCRIMINATOR = {"seq": "sequence_output"}
GENERATOR = {"gen_seq": "sequence_output", "gen_mlm_logits": "mlm_logits"}
ELECTRA, WIDE = "tf1_electra_pretrain_L2.npz", "tf1_electra_wide_pretrain_L2.npz"
TOKENS = {"last_hidden_state": "sequence_output"}
MODEL = {"last_hidden_state": "sequence_output", "pooler_output": "pooled_output"}
LOGITS, WORDS = {"logits": "logits"}, {"logits": "mlm_logits"}
GOLDENS = {
    "tf1_albert": ("tf1_albert_pretrain_L2", "", "pretrainer", "tf1_albert_pretrain_L2.npz", ALBERT),
    "hf_albert": ("hf_albert_pretrain_L2", "", "pretrainer", "tf1_albert_pretrain_L2.npz", ALBERT),
    "tf1_electra": ("tf1_electra_pretrain_L2", "electra", "encoder", ELECTRA, DISCRIMINATOR),
    "tf1_generator": ("tf1_electra_pretrain_L2", "generator", "mlm", ELECTRA, GENERATOR),
    "hf_electra": ("hf_electra_disc_L2", "", "encoder", ELECTRA, DISCRIMINATOR),
    "hf_generator": ("hf_electra_gen_L2", "", "mlm", ELECTRA, GENERATOR),
    "tf1_electra_wide": ("tf1_electra_wide_pretrain_L2", "electra", "encoder", WIDE, DISCRIMINATOR),
    "hf_generator_wide": ("hf_electra_wide_gen_L2", "", "mlm", WIDE, GENERATOR),
    "roberta": ("hf_roberta_core_L2", "", "encoder", "hf_roberta_core_L2/reference.npz", MODEL),
    "roberta_mlm": ("hf_roberta_mlm_L2", "", "mlm", "hf_roberta_mlm_L2/reference.npz", WORDS),
    "roberta_cls": ("hf_roberta_cls_L2", "", "classifier", "hf_roberta_cls_L2/reference.npz", LOGITS),
    "xlmr": ("hf_xlmr_core_L2", "", "encoder", "hf_xlmr_core_L2/reference.npz", MODEL),
    "distilbert": ("hf_distilbert_core_L2", "", "encoder", "hf_distilbert_core_L2/reference.npz", TOKENS),
    "distilbert_mlm": ("hf_distilbert_mlm_L2", "", "mlm", "hf_distilbert_mlm_L2/reference.npz", WORDS),
}
"""Folder, prefix, task, reference, and its outputs by their own names."""


@dataclass(frozen=True)
class FamilyCase:
    """A checkpoint, how it is read, a task, inputs, and the genuine outputs by name; those `normalized` are
    logarithms of probabilities."""

    path: Path
    source: SourceOptions
    task: str
    inputs: dict[str, np.ndarray]
    wanted: dict[str, np.ndarray]
    normalized: frozenset[str]

    def check(self, got):
        """Asserts that outputs are the genuine ones, those of tokens at all that are not padding."""
        real = self.inputs["input_mask"] == 1
        for name, want in self.wanted.items():
            value = np.asarray(got[name])
            if name in self.normalized:
                value = (value - np.log(np.exp(value).sum(-1, keepdims=True))).reshape(want.shape)
            of_tokens = want.shape[:2] == real.shape
            assert_close(value[real] if of_tokens else value, want[real] if of_tokens else want, "fp32-cross")


def golden_case(golden, name):
    """One of `GOLDENS`."""
    folder, prefix, task, reference, outputs = GOLDENS[name]
    with np.load(golden / reference) as stored:
        arrays = dict(stored)
    ids, mask = arrays["ids"], arrays["mask"]
    inputs = {"input_word_ids": ids, "input_mask": mask, "input_type_ids": arrays.get("seg", np.zeros_like(ids))}
    every = np.tile(np.arange(ids.shape[1]), (len(ids), 1))
    inputs[POSITIONS_INPUT] = arrays.get("pos", every)
    return FamilyCase(
        golden / folder,
        SourceOptions(prefix=prefix or None),
        task,
        {name: array.astype(np.int32) for name, array in inputs.items()},
        {output: arrays[own] for own, output in outputs.items()},
        frozenset(output for own, output in outputs.items() if own.endswith("logp")),
    )


def write_random(folder, architecture, heads=(), **changes):
    """Writes a random model as a folder of transformers; `changes` are of its configuration."""
    layout = next(
        one for one in WRITTEN if (one.family, one.architecture) == ("huggingface", tables_of(architecture))
    )
    config = random_config(architecture, **changes)
    sizes = {**axis_sizes(config), "classes": 3}
    rng = np.random.default_rng(0)
    form = layout.form_with(heads)
    rows = layout.bind(form, 1 if config.switches.shares_blocks else config.num_layers, sizes=sizes)
    tensors = {row.stored: rng.normal(0, 0.3, axes.shape(row.axes, sizes)).astype(np.float32) for row in rows}
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    write_configuration(folder, config, layout, heads, ClassifierConfig(), 3 if "classifier" in heads else None)
    return folder


def random_config(architecture, **changes):
    """A small one, in which every size differs from every other."""
    base = EncoderConfig(
        vocab_size=30,
        hidden_size=8,
        num_layers=2,
        num_attention_heads=2,
        intermediate_size=12,
        max_position_embeddings=20,
        type_vocab_size=1,
        activation="gelu_erf",
        architecture=architecture,
    )
    settings = {"pad_id": base.switches.pad_id} | (
        {"embedding_size": 6} if base.switches.projection != "never" else {}
    )
    fields = {name: getattr(base, name) for name in base.__dataclass_fields__}
    return EncoderConfig(**{**fields, **settings, **changes})
