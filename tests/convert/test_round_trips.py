"""From any layout to any other and back, bit for bit, whatever the sizes."""

import json
from itertools import product

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judges import tf

from bertferry.convert import LAYOUTS, TARGETS, ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import with_heads
from bertferry.convert.layouts import WRITTEN
from bertferry.core import axes as named_axes
from bertferry.core.config import EncoderConfig
from bertferry.core.parameters import axis_sizes

GOLDENS = {
    "encoder": ("tf1_core_L2", ()),
    "classifier": ("tf1_cls_L2", ("classifier",)),
    "tokens": ("tf1_token_L2", ("tokens",)),
    "span": ("tf1_squad_L2", ("span",)),
    "pretrainer": ("tf1_pretrain_L2", ("mlm", "nsp")),
}
BERT = [layout for layout in WRITTEN if layout.architecture == "bert"]
PAIRS = [
    (task, a.name, b.name)
    for task, (_, heads) in GOLDENS.items()
    for a, b in product(BERT, BERT)
    if a is not b and a.form_with(heads) and b.form_with(heads)
]


def assert_same_parameters(a, b):
    assert set(a.parameters) == set(b.parameters)
    for parameter in a.parameters:
        assert same_bits(a.read(parameter), np.ascontiguousarray(b.read(parameter))), parameter


@pytest.mark.slow
@pytest.mark.parametrize(("task", "first", "second"), PAIRS)
def test_every_ordered_pair_of_layouts_round_trips(golden, tmp_path, task, first, second):
    source = golden / GOLDENS[task][0]
    convert_checkpoint(source, tmp_path / "first", ConversionOptions(to=first, task=task))
    convert_checkpoint(tmp_path / "first", tmp_path / "second", ConversionOptions(to=second, task=task))
    convert_checkpoint(tmp_path / "second", tmp_path / "again", ConversionOptions(to=first, task=task))
    for folder, layout in (("first", first), ("second", second), ("again", first)):
        converted, original = open_checkpoint(tmp_path / folder), open_checkpoint(source)
        assert converted.layout.name == layout
        assert converted.config == original.config
        assert_same_parameters(converted, with_heads(original, GOLDENS[task][1]))


configs = st.builds(
    lambda heads, head_size, **sizes: EncoderConfig(
        num_attention_heads=heads, hidden_size=heads * head_size, activation="gelu_tanh", **sizes
    ),
    heads=st.sampled_from([1, 2, 3, 5]),
    head_size=st.integers(1, 4),
    num_layers=st.sampled_from([1, 2, 3, 12]),
    vocab_size=st.integers(1, 9),
    intermediate_size=st.integers(1, 9),
    max_position_embeddings=st.integers(1, 9),
    type_vocab_size=st.integers(1, 3),
)


def random_checkpoint(folder, config, heads, dtype=np.float32, seed=0):
    """A random tf1 checkpoint of these sizes, five classes if it has a classifier."""
    layout = LAYOUTS["tf1"]
    sizes = {**axis_sizes(config), "classes": 5}
    rows = list(layout.bind(layout.form_with(heads), config.num_layers))
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    tf.raw_ops.SaveV2(
        prefix=str(folder / "bert_model.ckpt"),
        tensor_names=[row.stored for row in rows],
        shape_and_slices=[""] * len(rows),
        tensors=[tf.constant(rng.normal(size=named_axes.shape(row.axes, sizes)).astype(dtype)) for row in rows],
    )
    (folder / "bert_config.json").write_text(json.dumps(bert_config(config)))
    return folder


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    config=configs,
    task=st.sampled_from(sorted(GOLDENS)),
    ways=st.lists(st.sampled_from([layout.name for layout in BERT]), min_size=1, max_size=3),
)
def test_any_sizes_survive_any_way(tmp_path_factory, config, task, ways):
    """Odd head counts, one layer or twelve, one segment, head sizes of one: where shapes hide what axes mean."""
    folder = tmp_path_factory.mktemp("way")
    heads = GOLDENS[task][1]
    source = random_checkpoint(folder / "source", config, heads)
    here = source
    for number, layout in enumerate(ways):
        if LAYOUTS[layout].form_with(heads) is None:
            continue
        convert_checkpoint(here, folder / str(number), ConversionOptions(to=layout, task=task))
        here = folder / str(number)
    assert_same_parameters(with_heads(open_checkpoint(here), heads), with_heads(open_checkpoint(source), heads))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("to", TARGETS)
def test_a_type_is_kept_unless_another_is_asked_for(tmp_path, dtype, to):
    config = EncoderConfig(
        vocab_size=7,
        hidden_size=6,
        num_layers=1,
        num_attention_heads=3,
        intermediate_size=5,
        max_position_embeddings=4,
        type_vocab_size=2,
        activation="gelu_tanh",
    )
    kind = {"bfloat16": ml_dtypes.bfloat16}.get(dtype, dtype)
    source = random_checkpoint(tmp_path / "source", config, (), kind)
    convert_checkpoint(source, tmp_path / "kept", ConversionOptions(to=to))
    assert_same_parameters(open_checkpoint(tmp_path / "kept"), open_checkpoint(source))
    report = convert_checkpoint(tmp_path / "kept", tmp_path / "wide", ConversionOptions(to=to, dtype="float32"))
    assert {row.dtype for row in report.tensors} == {"float32"}
    wide = open_checkpoint(tmp_path / "wide")
    for parameter in wide.parameters:
        expected = open_checkpoint(source).read(parameter).astype(np.float32)
        assert same_bits(wide.read(parameter), expected)
