"""Heads of the family that only some programs compute alike, and probes that show how positions are counted."""

import json

import pytest
from random_checkpoint import values, write

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.layouts import HUGGINGFACE_ELECTRA, HUGGINGFACE_ROBERTA, TF1_ELECTRA_GENERATOR
from bertferry.core.config import EncoderConfig
from bertferry.core.errors import UsageError
from bertferry.export import OnnxOptions, export_onnx
from bertferry.verify import ParityOptions, verify_parity
from bertferry.verify.file_facts import describe_onnx, model_limits
from bertferry.verify.probes import standard_probes

CONFIG = EncoderConfig(
    vocab_size=30,
    hidden_size=8,
    num_layers=2,
    num_attention_heads=2,
    intermediate_size=12,
    max_position_embeddings=18,
    type_vocab_size=1,
    activation="relu",
    architecture="electra",
)


@pytest.fixture
def write_random(tmp_path):
    """Writes a random checkpoint."""

    def written(layout, config=CONFIG, heads=()):
        write(tmp_path / "source", config, values(config, spread=0.3, layout=layout, heads=heads), layout, heads)
        return tmp_path / "source"

    return written


GENERATOR = SourceOptions(prefix="generator")


def test_a_generator_whose_programs_disagree_is_refused_by_name(write_random, tmp_path):
    source = write_random(TF1_ELECTRA_GENERATOR, heads=("mlm",))
    refused = "masked-LM head of tf1_electra_generator has the encoder's activation, relu, where .* has gelu_erf"
    with pytest.raises(UsageError, match=refused):
        export_onnx(tmp_path / "m.onnx", OnnxOptions(task="mlm"), checkpoint=source, source=GENERATOR)
    with pytest.raises(UsageError, match=refused):
        convert_checkpoint(source, tmp_path / "out", ConversionOptions("huggingface"), source=GENERATOR)
    export_onnx(tmp_path / "m.onnx", OnnxOptions(), checkpoint=source, source=GENERATOR)
    convert_checkpoint(source, tmp_path / "out", ConversionOptions("huggingface", "encoder"), source=GENERATOR)


def test_nor_is_that_of_transformers_written_for_the_other_program(write_random, tmp_path):
    source = write_random(HUGGINGFACE_ELECTRA, heads=("mlm",))
    with pytest.raises(UsageError, match="masked-LM head of tf1_electra_generator"):
        convert_checkpoint(source, tmp_path / "out", ConversionOptions("tf1"))
    convert_checkpoint(source, tmp_path / "out", ConversionOptions("huggingface"))


@pytest.mark.parametrize(
    ("key", "value"), [("summary_type", "last"), ("summary_activation", None), ("summary_activation", "tanh")]
)
def test_choices_that_are_summarized_otherwise_are_refused(write_random, key, value):
    source = write_random(HUGGINGFACE_ELECTRA, heads=("choice",))
    path = source / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UsageError, match=f"{key} is {value!r}: in this architecture only "):
        open_checkpoint(source)


@pytest.mark.parametrize("task", ["choice", "discriminator"])
def test_what_no_network_in_tensorflow_computes_is_refused(write_random, task):
    source = write_random(HUGGINGFACE_ELECTRA, heads=(task,))
    with pytest.raises(UsageError, match=f"no network in TensorFlow computes task {task}"):
        verify_parity(source, [source], ParityOptions(task=task, precision="fp16"))


@pytest.mark.parametrize("pad", [0, 1])
def test_padding_in_the_text_and_tokens_under_the_mask_are_among_the_probes(write_random, tmp_path, pad):
    config = EncoderConfig(**{**vars(CONFIG), "architecture": "roberta", "pad_id": pad})
    export_onnx(tmp_path / "m.onnx", OnnxOptions(), checkpoint=write_random(HUGGINGFACE_ROBERTA, config))
    limits = model_limits(describe_onnx(tmp_path / "m.onnx")[1])
    assert (limits.pad_id, limits.max_positions) == (pad, 18 - pad - 1)
    probes = {probe.name: probe.inputs for probe in standard_probes(limits)}
    ids, mask = (probes["odd length"][name] for name in ("input_word_ids", "input_mask"))
    assert ((ids == pad) & (mask == 1)).any(axis=1).all()
    ids, mask = (probes["mask with holes"][name] for name in ("input_word_ids", "input_mask"))
    assert ((ids != pad) & (mask == 0)).any()
    ids, mask = (probes["left padding"][name] for name in ("input_word_ids", "input_mask"))
    assert not mask[1:, 0].any()
    assert (ids[mask == 0] == pad).all()
