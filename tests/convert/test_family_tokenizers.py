"""Tokenizers of RoBERTa, XLM-R, CamemBERT and ALBERT keep their files and their ids in conversions."""

import json
import re
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judges import Judge
from subword_cases import CASES, POSITIONS, stored, write_case, write_source, write_vocabulary

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.command import main
from bertferry.convert.tokenizer.classes import OF_MODELS
from bertferry.core.architectures import ARCHITECTURES
from bertferry.core.errors import UsageError
from bertferry.verify.artifact import checkpoint_artifact
from bertferry.verify.texts import text_probes
from bertferry.verify.tokenization import SourceTokenizer

transformers = Judge("transformers")
tokenization_auto = Judge("transformers.models.auto.tokenization_auto", "transformers")
tokenizers = Judge("tokenizers")
HUGGINGFACE = ConversionOptions("huggingface")
LOWER = SourceOptions(do_lower_case=True)
RELEASE = "30k-clean.model"
RELEASED = {
    "tokenizer_class": "AlbertTokenizer",
    "model_max_length": 16,
    "do_lower_case": True,
    "keep_accents": False,
    "remove_space": True,
}


def read(folder, **stated):
    """The tokenizer in a folder."""
    return open_checkpoint(folder, SourceOptions(**stated)).tokenizer_reading.tokenizer


def ids(tokenizer, texts):
    """The ids that are right for an encoder: one text at a time, without padding."""
    source = SourceTokenizer(tokenizer, "a test")
    length = min(tokenizer.max_length or POSITIONS, POSITIONS)
    return [source.inputs([text], length)["input_word_ids"][0].tolist() for text in texts]


def files_of(folder):
    """The contents of the files of a tokenizer."""
    others = ("config.json", "model.safetensors", "conversion_report.json")
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in others}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A folder as google-research/albert releases them."""
    folder = tmp_path_factory.mktemp("release")
    source = write_source(folder / "source", "albert")
    convert_checkpoint(source, folder / "tf", ConversionOptions("tf1"))
    release = folder / "albert_base"
    release.mkdir()
    for path in (folder / "tf").glob("bert_model.ckpt*"):
        shutil.copy(path, release / path.name.replace("bert_model.ckpt", "model.ckpt-best"))
    config = json.loads((folder / "tf/bert_config.json").read_text())
    names = {"activation": None, "architecture": None}
    (release / "albert_config.json").write_text(json.dumps({k: v for k, v in config.items() if k not in names}))
    write_vocabulary(release, "albert", [RELEASE])
    (release / "30k-clean.vocab").write_text("<pad>\t0\n")
    return release


@pytest.mark.parametrize("name", CASES)
def test_ids_are_those_of_transformers_and_files_are_kept(tmp_path, name):
    source = write_case(tmp_path / "source", name)
    assert ids(read(source), stored()["texts"]) == stored()["ids"][name]
    convert_checkpoint(source, tmp_path / "back", HUGGINGFACE)
    before, after = files_of(source), files_of(tmp_path / "back")
    assert {file: after[file] for file in before} == before
    assert "tokenizer.json" in after.keys() - before.keys() <= {"tokenizer.json", "tokenizer_config.json"}
    assert ids(read(tmp_path / "back"), stored()["texts"]) == stored()["ids"][name]


def test_a_case_that_sentences_alone_lack_stays_out_of_what_all_read(tmp_path):
    source = write_case(tmp_path / "source", "roberta of Fast")
    (source / "sentence_bert_config.json").write_text('{"max_seq_length": 9, "do_lower_case": true}')
    convert_checkpoint(source, tmp_path / "back", HUGGINGFACE)
    assert "tokenizer.json" not in files_of(tmp_path / "back")


@pytest.mark.parametrize("name", ["albert", "albert cased"])
def test_the_way_through_a_tensorflow_layout_keeps_them(tmp_path, name):
    source = write_case(tmp_path / "source", name)
    convert_checkpoint(source, tmp_path / "tf", ConversionOptions("tf1"))
    assert ids(read(tmp_path / "tf"), stored()["texts"]) == stored()["ids"][name]
    convert_checkpoint(tmp_path / "tf", tmp_path / "back", HUGGINGFACE)
    assert files_of(tmp_path / "back")["spiece.model"] == files_of(source)["spiece.model"]
    assert ids(read(tmp_path / "back"), stored()["texts"]) == stored()["ids"][name]


def test_a_release_of_albert_becomes_a_folder_of_transformers(tmp_path, released):
    convert_checkpoint(released, tmp_path / "hf", HUGGINGFACE, source=LOWER)
    files = files_of(tmp_path / "hf")
    assert files.keys() == {"spiece.model", "tokenizer.json", "tokenizer_config.json"}
    assert files["spiece.model"] == (released / RELEASE).read_bytes()
    assert json.loads(files["tokenizer_config.json"]) == {**RELEASED, "model_max_length": POSITIONS}
    want = stored()["ids"]["albert"]
    assert ids(read(tmp_path / "hf"), stored()["texts"]) == want
    (tmp_path / "hf/tokenizer.json").unlink()
    assert ids(read(tmp_path / "hf"), stored()["texts"]) == want


def test_a_release_does_not_say_whether_texts_are_lower_cased(tmp_path, released, one_line):
    assert main(["--input", str(released), "--output", str(tmp_path / "hf"), "--to", "huggingface"]) == 2
    one_line("nothing says whether texts are lower-cased: give --do-lower-case or --no-do-lower-case")
    convert_checkpoint(released, tmp_path / "tf", ConversionOptions("tf1"))
    assert files_of(tmp_path / "tf")[RELEASE] == (released / RELEASE).read_bytes()


@pytest.mark.parametrize(("lower", "strips"), [(True, True), (True, False), (False, True), (False, False)])
def test_flags_about_the_casing_of_albert_are_written(tmp_path, lower, strips):
    source = write_case(tmp_path / "source", "albert")
    stated = SourceOptions(do_lower_case=lower, strip_accents=strips, max_seq_length=9)
    convert_checkpoint(source, tmp_path / "out", HUGGINGFACE, source=stated)
    values = json.loads((tmp_path / "out/tokenizer_config.json").read_text())
    assert (values["do_lower_case"], values["keep_accents"]) == (lower, not strips)
    assert values["model_max_length"] == 9
    tokenizer = read(tmp_path / "out")
    assert (tokenizer.lower_case, tokenizer.strips_accents, tokenizer.max_length) == (lower, strips, 9)
    steps = json.loads((tmp_path / "out/tokenizer.json").read_text())["normalizer"]["normalizers"]
    assert ("Lowercase" in [step["type"] for step in steps], "NFKD" in [step["type"] for step in steps]) == (
        lower,
        strips,
    )


@pytest.mark.parametrize("flag", ["--do-lower-case", "--strip-accents", "--tokenize-chinese-chars"])
def test_a_flag_that_its_class_lacks_is_refused(tmp_path, one_line, flag):
    source = write_case(tmp_path / "source", "roberta of Fast")
    assert main(["--input", str(source), "--output", str(tmp_path / "out"), "--to", "huggingface", flag]) == 2
    one_line(re.escape(f"RobertaTokenizer has no setting for {flag}"))


@pytest.mark.parametrize("architecture", ["albert", "camembert", "roberta", "xlm-roberta"])
def test_no_tokenizer_of_bert_is_written_for_weights_alone(tmp_path, architecture):
    convert_checkpoint(write_source(tmp_path / "source", architecture), tmp_path / "out", HUGGINGFACE)
    assert files_of(tmp_path / "out") == {}


def test_word_pieces_of_albert_are_named_as_such(tmp_path):
    source = write_source(tmp_path / "source", "albert")
    (source / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]) + "\n")
    reading = open_checkpoint(source, LOWER).tokenizer_reading
    assert not reading.tokenizer.inexact
    assert reading.notes == (
        "no file names the class of its tokenizer: took BertTokenizer; transformers would take AlbertTokenizer",
    )
    convert_checkpoint(source, tmp_path / "out", HUGGINGFACE, source=LOWER)
    assert json.loads((tmp_path / "out/tokenizer_config.json").read_text())["tokenizer_class"] == "BertTokenizer"


@pytest.mark.parametrize(
    ("name", "file", "content", "line"),
    [
        ("xlm-roberta", "sentencepiece.bpe.model", b"no model", "not a readable model of SentencePiece"),
        ("albert", "spiece.model", b"", "not a model of SentencePiece: it has no pieces"),
        ("albert", "spiece.model", b"\n\x03\n\x01a\x12\x02\x18\x02", "not of the kind Unigram"),
        ("roberta of Fast", "vocab.json", b"[]", "expected a JSON object"),
        ("roberta of Fast", "vocab.json", b'{"a": "b"}', "its vocabulary does not number its pieces"),
        ("roberta of Fast", "merges.txt", b"\xff", "not a readable list of merges"),
        ("camembert", "tokenizer.json", b'{"model": {"type": "BPE"}}', "its model is not Unigram"),
        ("albert", "tokenizer.json", b'{"model": {"type": "Unigram", "vocab": 3}}', "no list of pieces"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path, one_line, name, file, content, line):
    source = write_case(tmp_path / "source", name)
    (source / file).write_bytes(content)
    assert main(["--input", str(source), "--output", str(tmp_path / "out"), "--to", "huggingface"]) in (1, 2)
    one_line(re.escape(line))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            {"tokenizer_class": "RobertaTokenizer", "bos_token": "<mask>"},
            "its bos_token is <mask>, its cls_token <s>",
        ),
        ({"tokenizer_class": "RobertaTokenizer", "pad_token": "<none>"}, "its vocabulary has no <none>"),
        ({"tokenizer_class": "RobertaTokenizer", "mask_token": None}, "tokenizer_config.json has no mask_token"),
        ({"tokenizer_class": "BertweetTokenizer"}, "BertweetTokenizer cuts texts with BPE"),
        ({"added_tokens_decoder": {"305": {"content": "<new>"}}}, "but transformers gives it 300"),
    ],
)
def test_what_transformers_does_otherwise_is_not_guessed(tmp_path, config, reason):
    source = write_case(tmp_path / "source", "roberta without a configuration")
    (source / "tokenizer_config.json").write_text(json.dumps(config))
    assert reason in read(source).inexact
    with pytest.raises(UsageError, match="no tokenizer here gives its ids"):
        text_probes(["a"], [checkpoint_artifact(open_checkpoint(source), "encoder")])
    convert_checkpoint(source, tmp_path / "out", HUGGINGFACE)
    before, after = files_of(source), files_of(tmp_path / "out")
    assert {file: after[file] for file in before} == before


def test_texts_are_probes_with_the_right_padding(tmp_path):
    source = open_checkpoint(write_case(tmp_path / "source", "roberta without a configuration"))
    texts = ["The cat sleeps.", "No."]
    probe = text_probes(texts, [checkpoint_artifact(source, "encoder")])[0]
    want, mask = probe.inputs["input_word_ids"], probe.inputs["input_mask"]
    np.testing.assert_array_equal(want == source.config.pad_id, mask == 0)
    assert [row[kept == 1].tolist() for row, kept in zip(want, mask, strict=True)] == ids(
        read(tmp_path / "source"), texts
    )
    assert 0 < mask[1].sum() < mask.shape[1]


def test_a_length_beyond_the_positions_is_refused(tmp_path):
    source = write_case(tmp_path / "source", "roberta without a configuration")
    assert open_checkpoint(source).config.max_position_embeddings == POSITIONS + 2
    with pytest.raises(
        UsageError, match=f"--max-seq-length {POSITIONS + 1}: the encoder has {POSITIONS} positions"
    ):
        read(source, max_seq_length=POSITIONS + 1)


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory):
    """What is read of byte-level BPE, and the same vocabulary in the class that `tokenizers` has for it."""
    folder = write_case(tmp_path_factory.mktemp("bytes") / "source", "roberta without a configuration")
    genuine = tokenizers.ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    return SourceTokenizer(read(folder), "a test"), genuine


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=12))
@settings(max_examples=200)
def test_any_text_has_the_ids_of_byte_level_bpe(byte_level, text):
    own, genuine = byte_level
    assert (
        own.inputs([text], POSITIONS)["input_word_ids"][0].tolist()
        == [0, *genuine.encode(text).ids, 2][:POSITIONS]
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_usual_class_is_that_of_transformers(architecture):
    names = tokenization_auto.TOKENIZER_MAPPING_NAMES
    assert OF_MODELS.get(architecture, "BertTokenizer") == names[architecture]


@pytest.mark.parametrize("name", CASES)
def test_any_text_has_the_ids_of_transformers(tmp_path, name):
    convert_checkpoint(write_case(tmp_path / "source", name), tmp_path / "out", HUGGINGFACE)
    genuine = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    source = SourceTokenizer(read(tmp_path / "out"), "a test")
    length = min(genuine.model_max_length, POSITIONS)

    @given(st.lists(st.text(max_size=20), min_size=1, max_size=3))
    @settings(max_examples=30)
    def check(texts):
        want = genuine(texts, padding=True, truncation=True, max_length=length)
        got = source.inputs(texts, length)
        assert got["input_word_ids"].tolist() == want["input_ids"]
        assert got["input_mask"].tolist() == want["attention_mask"]

    check()
