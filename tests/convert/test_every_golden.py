"""Every genuine file converts to keras_bert, tf1 and huggingface, and computes what its library computed."""

import re
from functools import cache
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from closeness import assert_close

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.heads import with_heads
from bertferry.convert.layouts import LAYOUTS
from bertferry.core.tasks import HEADS, task_that_keeps
from bertferry.verify.runners.numpy_network import NumpyNetworkRunner

GOLDEN = Path(__file__).parent.parent / "fixtures" / "golden"
TARGETS = ("keras_bert", "tf1", "huggingface")
INPUTS = {"input_word_ids": "ids", "input_mask": "mask", "input_type_ids": "seg"}
TWINS = {
    r"hf_tf_v2\.2\.2_token": "tf1_cls_L2",
    "regression": "hf_regression_L2",
    "choice": "hf_choice_L2",
    "token": "tf1_token_L2",
    "core|model|layer|V2$|garden.*0_L2$": "tf1_core_L2",
    "cls": "tf1_cls_L2",
    "squad|span": "tf1_squad_L2",
    "_L2_pre$|tf_20_pre|pretrain|mlm|nsp": "tf1_pretrain_L2",
    "keras_bert_L2_21$": "tf1_core_L2",
}
"""The checkpoint with the same values by a part of the name."""
STORED = {"half": np.float16, "bfloat16": ml_dtypes.bfloat16, "double": np.float64}
GENUINE = sorted(
    folder.name
    for folder in GOLDEN.iterdir()
    if folder.is_dir() and re.search("|".join(TWINS), folder.name)
    if not re.search(
        "albert|electra|roberta|xlmr|camembert|mpnet|distil|_module|hostile|damaged|third", folder.name
    )
)
OUTPUTS = {
    "encoder": {"sequence_output": "seq", "pooled_output": "pooled"},
    "mlm": {"mlm_logits": "mlm_logp"},
    "classifier": {"logits": "logits"},
    "tokens": {"logits": "logits"},
    "span": {"start_logits": "start", "end_logits": "end"},
}
"""What the reference of a task has under which key."""
COMPUTED = {
    "token": "tokens",
    "cls|regression|choice": "classifier",
    "squad|span": "span",
    "mlm|_pre": "mlm",
}
"""The task by a part of the name."""


def twin_of(name):
    return next(twin for part, twin in TWINS.items() if re.search(part, name))


@cache
def twin_values(twin, stored):
    """The values of a twin by parameter; heads of tokens and choices have the names of a classifier."""
    checkpoint = open_checkpoint(GOLDEN / twin)
    return {plain(name): checkpoint.read(name).astype(stored) for name in checkpoint.parameters}


def plain(parameter):
    return re.sub("^(tokens|choice)/", "classifier/", parameter)


def assert_values(checkpoint, name, without=()):
    """Asserts that a checkpoint has the values of the golden's twin, but those without a source."""
    stored = next((dtype for part, dtype in STORED.items() if part in name), np.float32)
    expected = twin_values(twin_of(name), stored)
    for parameter in set(checkpoint.parameters) - set(without):
        value = np.reshape(checkpoint.read(parameter), expected[plain(parameter)].shape)
        assert same_bits(np.ascontiguousarray(value), expected[plain(parameter)]), parameter


@pytest.mark.slow
@pytest.mark.parametrize("name", GENUINE)
def test_it_converts_bit_for_bit_and_computes_the_same(tmp_path, name):
    checkpoint = open_checkpoint(GOLDEN / name)
    if not checkpoint.is_decided and "token" in name:
        checkpoint = with_heads(checkpoint, ("tokens",))
    assert_values(checkpoint, name)
    for target in TARGETS:
        heads = checkpoint.heads if LAYOUTS[target].form_with(checkpoint.heads) else ()
        task = task_that_keeps(heads[0], heads) if heads else "encoder"
        options = ConversionOptions(target, task, init_missing_head=True)
        report = convert_checkpoint(GOLDEN / name, tmp_path / target, options)
        written = open_checkpoint(tmp_path / target)
        initialized = [row.parameter for row in report.tensors if not row.source]
        assert all(parameter.startswith("pooler/") for parameter in initialized)
        assert set(checkpoint.parameters) - set(written.parameters) <= {
            f"{head}/{part}" for head in set(checkpoint.heads) - set(heads) for part in parts_of(head)
        }
        assert_values(written, name, initialized)
    computes_the_reference(open_checkpoint(tmp_path / "huggingface"), name)


def parts_of(head):
    return [parameter.removeprefix(f"{head}/") for parameter in HEADS[head].parameters]


def computes_the_reference(checkpoint, name):
    """Asserts that a checkpoint computes what the library computed that wrote the golden, or TensorFlow 1.15.5."""
    if re.search("half|bfloat16|2.2.2_token|nsp", name):  # other values, or no reference
        return
    own = GOLDEN / f"{name}.npz"
    reference = own if own.is_file() else GOLDEN / f"{twin_of(name)}.npz"
    task = next((task for part, task in COMPUTED.items() if re.search(part, name)), "encoder")
    with np.load(reference) as stored:
        length = stored["ids"].shape[-1]
        inputs = {ours: stored[key].reshape(-1, length) for ours, key in INPUTS.items()}
        if "pos" in stored:
            inputs["masked_lm_positions"] = stored["pos"]
        got = NumpyNetworkRunner(checkpoint, task).run(inputs)
        for output, key in OUTPUTS[task].items():
            value = got[output]
            if key.endswith("logp"):
                value = value - np.log(np.exp(value).sum(axis=-1, keepdims=True))
            assert_close(value.reshape(stored[key].shape), stored[key])
