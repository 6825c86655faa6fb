"""Encoders are found by structure, in whatever object contains them, as TensorFlow itself saves it."""

import shutil

import numpy as np
import pytest
from judges import networks, tf, tf_keras

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.bundle import BundleWriter, ObjectGraphMessage
from bertferry.convert.checkpoint import same_bits
from bertferry.convert.command import main
from bertferry.convert.readers.object_graph import escape, unescape
from bertferry.core.errors import UsageError


@pytest.fixture
def encoder(golden):
    return networks.load_network(open_checkpoint(golden / "tf1_core_L2"))


@pytest.fixture
def save(golden, tmp_path):
    """Saves a trackable object, by default as TensorFlow names it, with the golden configuration beside it."""

    def write(name="ckpt", **objects):
        shutil.copy(golden / "tf1_core_L2" / "bert_config.json", tmp_path)
        return tf.train.Checkpoint(**objects).write(str(tmp_path / name))

    return write


def assert_core(checkpoint, golden):
    expected = open_checkpoint(golden / "tf1_core_L2")
    for parameter in expected.parameters:
        assert same_bits(checkpoint.read(parameter), expected.read(parameter)), parameter


def test_any_attribute_may_hold_the_encoder(golden, encoder, save):
    inner = tf.Module()
    inner.text_encoder = encoder
    outer = tf.Module()
    outer.branches = [inner]
    checkpoint = open_checkpoint(save(anything=outer))
    assert checkpoint.match.place == "anything/branches/0/text_encoder/"
    assert_core(checkpoint, golden)


def test_a_root_may_be_the_encoder_itself(golden, encoder, tmp_path):
    shutil.copy(golden / "tf1_core_L2" / "bert_config.json", tmp_path)
    encoder.save_weights(str(tmp_path / "weights"))
    assert_core(open_checkpoint(tmp_path), golden)


def test_the_encoder_is_pulled_out_of_a_fine_tuned_model_with_its_optimizer(golden, encoder, save, tmp_path):
    from bertferry.modeling.networks import BertClassifier

    model = BertClassifier(encoder, 3)
    optimizer = tf_keras.optimizers.legacy.Adam(0.0)
    model.compile(optimizer, tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ids = np.ones((2, 5), np.int32)
    model.fit([ids, ids, np.zeros_like(ids)], np.array([0, 2]), verbose=0)
    path = save(model=model, optimizer=optimizer)
    checkpoint = open_checkpoint(path)
    assert checkpoint.heads == ("classifier",)
    assert_core(checkpoint, golden)
    report = convert_checkpoint(path, tmp_path / "out", ConversionOptions(task="encoder"))
    assert sum(reason == "optimizer slot" for reason in report.skipped.values()) == 82
    assert_core(open_checkpoint(tmp_path / "out"), golden)


class Tagger(tf_keras.Model):
    """A user's own model around an encoder."""

    def __init__(self, encoder):
        super().__init__()
        self.bert = encoder
        self.tags = tf_keras.layers.Dense(7)

    def call(self, inputs):
        return self.tags(self.bert(inputs)[0])


def test_a_head_that_nobody_knows_is_left_out_for_the_encoder_and_named_otherwise(
    golden, encoder, save, tmp_path, one_line
):
    model = Tagger(encoder)
    ids = np.ones((2, 5), np.int32)
    model([ids, ids, np.zeros_like(ids)])
    path = save(model=model)
    with pytest.raises(
        UsageError, match=r"model/tags/kernel is of a trained head.*: give --task encoder to leave"
    ):
        convert_checkpoint(path, tmp_path / "out")
    report = convert_checkpoint(path, tmp_path / "out", ConversionOptions(task="encoder"))
    assert report.skipped["model/tags/kernel"] == "outside the encoder"
    assert_core(open_checkpoint(tmp_path / "out"), golden)
    arguments = ["--input", path, "--output", str(tmp_path / "again"), "--to", "tf1"]
    assert main(arguments) == 1
    one_line("unexpected model/tags/bias, model/tags/kernel: give --task encoder to take the encoder alone")
    assert main([*arguments, "--task", "encoder"]) == 0


def test_two_encoders_are_told_apart_by_their_prefix(golden, encoder, save, one_line):
    other = networks.load_network(open_checkpoint(golden / "tf1_cls_L2"))
    path = save(question=encoder, passage=other)
    assert main(["--input", path, "--inspect"]) == 2
    one_line("contains several encoders: (question, passage|passage, question): choose one with --prefix")
    assert_core(open_checkpoint(path, SourceOptions(prefix="question")), golden)
    expected = open_checkpoint(golden / "tf1_cls_L2").read("embeddings/word")
    assert same_bits(open_checkpoint(path, SourceOptions(prefix="passage/")).read("embeddings/word"), expected)
    assert main(["--input", path, "--inspect", "--prefix", "answer"]) == 2
    one_line("no encoder at 'answer': there are ('question', 'passage'|'passage', 'question')")


def test_a_name_based_file_may_have_a_scope_of_its_own(golden, tmp_path):
    source = open_checkpoint(golden / "tf1_core_L2")
    names = [source.stored_name(parameter) for parameter in source.parameters]
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "bert_model.ckpt"),
        tensor_names=[f"module/{name}" for name in names] + ["my_crf/transitions"],
        shape_and_slices=[""] * (len(names) + 1),
        tensors=[tf.constant(source.reader.read(name)) for name in names] + [tf.ones([3, 3])],
    )
    shutil.copy(golden / "tf1_core_L2" / "bert_config.json", tmp_path)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.match.place == "module/bert/"
    assert checkpoint.match.outside == ["my_crf/transitions"]
    assert_core(checkpoint, golden)


@pytest.mark.parametrize("name", ["a", "a.b", "a/b", "..", ".S", "a.Sb/", "output_bias/bias", "next.pooler"])
def test_names_survive_the_spelling_of_keys(name):
    assert "/" not in escape(name)
    assert unescape(escape(name)) == name


def test_the_stated_checksums_are_those_of_the_bytes(golden):
    """Against an implementation of its own (Castagnoli polynomial, reflected), on every genuine index."""
    for index in golden.glob("*/*.index"):
        checkpoint = open_checkpoint(index)
        for key in list(checkpoint.reader.tensors)[:3]:
            assert (
                checkpoint.reader.fingerprint(key) == f"crc32c:{crc32c(checkpoint.reader.read(key).tobytes()):08x}"
            )


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def test_an_edge_to_a_missing_object_is_refused(golden, tmp_path, one_line):
    """The checksums are correct: the program that wrote it was at fault."""
    graph = ObjectGraphMessage(nodes=[{"children": [{"node_id": 7, "local_name": "model"}]}])
    with BundleWriter(tmp_path / "bert_model.ckpt") as writer:
        writer.add_strings("_CHECKPOINTABLE_OBJECT_GRAPH", (), [graph.SerializeToString()])
    shutil.copy(golden / "tf1_core_L2" / "bert_config.json", tmp_path)
    assert main(["--input", str(tmp_path), "--inspect"]) == 1
    one_line(
        "tensor _CHECKPOINTABLE_OBJECT_GRAPH is damaged: its object graph has edges to objects that do not exist"
    )
