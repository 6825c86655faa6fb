"""Text modules: token ids equal Hugging Face's, embeddings those of sentence-transformers' pooling."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
from closeness import assert_close
from safetensors.numpy import save_file

from bertferry.convert import SourceOptions, convert_checkpoint
from bertferry.convert.locate import locate
from bertferry.convert.sentence_files import read_sentence
from bertferry.core.sentence import Normalize, Sentence
from bertferry.export import ModuleOptions, export_hub_module
from bertferry.export.command import main

TANH = "torch.nn.modules.activation.Tanh"
LOWER = SourceOptions(do_lower_case=True)

tf_text = pytest.importorskip("tensorflow_text", reason="pip install 'bertferry[text]'")

HARD = [
    "",
    " ",
    "A man is playing a guitar.",
    "naïve café façade — 3.14 €",
    "Größe ÄÖÜ ß ẞ",
    "e\u0301 E\u0301 A\u030a",
    "日本語のテキスト",
    "中文,测试。",
    "한국어 텍스트",
    "ไทย ภาษา שלום עולם مرحبا بالعالم हिन्दी में ١٢٣ ४५६",
    "zero\u200bwidth \u200d \ufeff soft\u00adhyphen",
    "a\x00b\x01c\ufffdd\x7fe\x85f",
    "a\tb\nc\rd\x0be\x0cf\u2028g\u3000h\u00a0i",
    "emoji 😀👨\u200d👩\u200d👧\u200d👦🇩🇪 ok",
    "https://example.com/path?q=1&r=%20#frag",
    "don't stop--now... (really?) [x] {y} <z> a_b",
    "x" * 10_000,
    "y" * 100,
    "y" * 101,
    "é" * 100,
    "é" * 101,
    "ΑΣ ΣΑΣ ςσ İstanbul ıI ﬁ ﬀ ǅ Ǆ ½ ² ™",
    "\U0001d400\U0001d401 \ue000private \U0010fffd",
]


@pytest.fixture(scope="module", params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["lower", "cased"])
def preprocessing_folder(request, minilm, tmp_path_factory):
    """A preprocessing module of MiniLM's vocabulary, and whether it lower-cases."""
    path = tmp_path_factory.mktemp("text") / "module"
    export_hub_module(
        minilm, path, ModuleOptions(export="preprocessing"), source=SourceOptions(do_lower_case=request.param)
    )
    return path, request.param


@pytest.fixture(scope="module")
def preprocessing(preprocessing_folder, minilm):
    """The module, and the tokenizer of Hugging Face."""
    from tokenizers import BertWordPieceTokenizer

    path, lower = preprocessing_folder
    run_the_cards_snippet(path)
    tokenizer = BertWordPieceTokenizer(str(minilm / "vocab.txt"), lowercase=lower)
    return hub.load(str(path)), tokenizer


@pytest.mark.parametrize("preprocessing_folder", [True], indirect=True)
def test_a_text_module_without_tensorflow_text_names_the_extra(preprocessing_folder):
    code = "import sys; sys.modules['tensorflow_text'] = None; from bertferry.export.command import run; run()"
    path = str(preprocessing_folder[0])
    run = subprocess.run([sys.executable, "-c", code, "--check", path], capture_output=True, text=True)
    assert run.returncode == 3, run.stderr
    assert run.stderr.startswith(f"export-hub-module: {path}: loading its operation '")
    assert run.stderr.endswith("tensorflow_text, which is not installed: pip install 'bertferry[text]'\n")


def run_the_cards_snippet(module):
    """In a separate process, in which only the snippet imports the text operations."""
    snippet = (module / "README.md").read_text().split("```python\n")[1].split("```")[0]
    subprocess.run([sys.executable, "-c", snippet], cwd=module.parent, check=True, capture_output=True)


def test_ids_are_those_of_hugging_face_on_a_hard_corpus(preprocessing):
    module, tokenizer = preprocessing
    got = module.tokenize(tf.constant(HARD)).merge_dims(1, -1).to_list()
    for text, ids in zip(HARD, got, strict=True):
        assert ids == tokenizer.encode(text, add_special_tokens=False).ids, text[:50]


def test_inputs_are_packed_as_the_tokenizer_packs_them(preprocessing):
    module, tokenizer = preprocessing
    tokenizer.enable_padding(length=256)
    tokenizer.enable_truncation(256)
    inputs = module(tf.constant(HARD))
    for row, encoded in enumerate(tokenizer.encode_batch(HARD)):
        assert inputs["input_word_ids"][row].numpy().tolist() == encoded.ids
        assert inputs["input_mask"][row].numpy().tolist() == encoded.attention_mask
    assert {tensor.dtype for tensor in inputs.values()} == {tf.int32}
    tokenizer.no_padding()
    tokenizer.no_truncation()


def test_the_parts_of_the_preprocessing_interface(preprocessing):
    module, _ = preprocessing
    short = hub.KerasLayer(module, arguments={"seq_length": 8})
    assert short(tf.constant(["one two three four five six seven eight"]))["input_word_ids"].shape == (1, 8)
    tokenize = hub.KerasLayer(module.tokenize)
    special = {name: int(value) for name, value in module.tokenize.get_special_tokens_dict().items()}
    assert special == {
        "start_of_sequence_id": 101,
        "end_of_segment_id": 102,
        "padding_id": 0,
        "mask_id": 103,
        "vocab_size": 30522,
    }
    pack = hub.KerasLayer(module.bert_pack_inputs, arguments={"seq_length": 10})
    pairs = pack([tokenize(tf.constant(["a b c d e f g"])), tokenize(tf.constant(["h i"]))])
    assert pairs["input_word_ids"].numpy()[0, 0] == 101
    assert pairs["input_type_ids"].numpy().tolist() == [[0] * 7 + [1] * 3]
    assert (pairs["input_word_ids"].numpy() == 102).sum() == 2


def test_offsets_point_into_the_text(preprocessing):
    module, _ = preprocessing
    text = "Ün áff able 中x " + "Z" * 101
    pieces, starts, ends = module.tokenize_with_offsets(tf.constant([text]))
    found = [text.encode()[a:b].decode() for a, b in zip(starts.flat_values, ends.flat_values, strict=True)]
    assert "".join(found) == text.replace(" ", "")  # composed letters stay letters
    assert pieces.flat_values[-1] == 100


def test_a_text_embedding_is_what_sentence_transformers_compute(minilm, tmp_path, golden):
    report = export_hub_module(minilm, tmp_path / "module", ModuleOptions(task="text"))
    run_the_cards_snippet(tmp_path / "module")
    assert report.verdict.startswith("AGREE on ")
    layer = hub.KerasLayer(str(tmp_path / "module"), trainable=True)
    with np.load(golden / "minilm_l6_v2_reference.npz") as stored:
        texts = [str(text) for text in stored["sentences"]]
        mask = stored["input_mask"][..., np.newaxis]
        means = (stored["sequence_output"] * mask).sum(axis=1) / mask.sum(axis=1)
    want = means / np.linalg.norm(means, axis=-1, keepdims=True)
    assert_close(layer(tf.constant(texts)), want)
    assert layer(tf.constant([], tf.string)).shape == (0, 384)
    signature = tf.saved_model.load(str(tmp_path / "module")).signatures["serving_default"]
    assert_close(signature(text=tf.constant(texts))["embeddings"], want)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.constant(texts), training=True)[:, 0])
    assert all(gradient is not None for gradient in tape.gradient(loss, layer.trainable_weights))
    for path in (tmp_path / "module").rglob("*"):
        if path.is_file():
            assert str(minilm).encode() not in path.read_bytes()
            assert str(tmp_path).encode() not in path.read_bytes()


@pytest.mark.parametrize("pooling", ["cls", "pooled"])
def test_pooling_may_be_given(text_source, tmp_path, pooling):
    report = export_hub_module(
        text_source,
        tmp_path / "text",
        ModuleOptions(task="text"),
        source=replace(LOWER, pooling=pooling),
    )
    assert report.verdict.startswith("AGREE")
    weights = {weight.name.split("/")[0] for weight in hub.KerasLayer(str(tmp_path / "text")).weights}
    assert ("pooler" in weights) is (pooling == "pooled")


def test_the_configuration_is_read(minilm):
    assert read_sentence(locate(minilm)) == Sentence(("mean",), layers=(Normalize(),))


def test_missing_settings_are_requested(text_source, golden, tmp_path, capfd):
    output = ["--output", str(tmp_path / "module"), "--do-lower-case"]
    for arguments, line in {
        ("--checkpoint", str(text_source), "--task", "text"): "no pooling is configured: give --pooling",
        (
            "--checkpoint",
            str(golden / "tf1_core_L2"),
            "--export",
            "preprocessing",
        ): "requires a vocabulary",
        ("--checkpoint", str(text_source), "--pooling", "cls"): "--pooling and --normalize are for --task text",
        ("--checkpoint", str(text_source), "--task", "text", "--onnx", "fp32"): "ONNX has no text operations",
    }.items():
        capfd.readouterr()
        assert main([*arguments, *output]) == 2
        err = capfd.readouterr().err
        assert line in err
        assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_converted_checkpoint_exports_text_too(text_source, tmp_path):
    convert_checkpoint(text_source, tmp_path / "keras")
    report = export_hub_module(
        tmp_path / "keras",
        tmp_path / "text",
        ModuleOptions(task="text"),
        source=replace(LOWER, pooling="mean"),
    )
    assert report.verdict.startswith("AGREE")


def test_an_unusual_vocabulary_gives_the_ids_of_transformers(golden, tmp_path):
    """A byte order mark, carriage returns, equal tokens, of which the last counts, and a blank line at the end."""
    source = shutil.copytree(golden / "tf1_core_L2", tmp_path / "source")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##s", "hello", "\u2028", "world"]
    (source / "vocab.txt").write_bytes(("\ufeff" + "\r\n".join(tokens) + "\r\n\r\n").encode())
    options = ModuleOptions(export="preprocessing")
    report = export_hub_module(source, tmp_path / "module", options, source=LOWER)
    assert len(report.notes) == 3
    module = tf.saved_model.load(str(tmp_path / "module"))
    assert module.tokenize(tf.constant(["Hellos world"])).merge_dims(1, -1).to_list() == [[7, 6, 9]]


def test_a_dense_layer_that_is_exported_is_not_said_to_be_left_out(golden, tmp_path):
    folder = shutil.copytree(golden / "third_party_keras_bert", tmp_path / "m")
    types = {"0": "Transformer", "1_Pooling": "Pooling", "2_Dense": "Dense"}
    modules = [
        {"path": path.removeprefix("0"), "type": f"sentence_transformers.models.{name}"}
        for path, name in types.items()
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    for path, values in {
        "1_Pooling": {"word_embedding_dimension": 4, "pooling_mode_mean_tokens": True},
        "2_Dense": {"in_features": 4, "out_features": 2, "bias": False, "activation_function": TANH},
    }.items():
        (folder / path).mkdir()
        (folder / path / "config.json").write_text(json.dumps(values))
    save_file({"linear.weight": np.ones((2, 4), np.float32)}, folder / "2_Dense" / "model.safetensors")
    left_out = "left out the module Dense of modules.json"
    text = export_hub_module(folder, tmp_path / "out", ModuleOptions(task="text"), source=LOWER, dry_run=True)
    assert left_out not in text.notes
    assert left_out in export_hub_module(folder, tmp_path / "out", source=LOWER, dry_run=True).notes
