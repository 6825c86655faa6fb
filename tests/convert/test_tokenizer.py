"""A tokenizer is read from all its files as transformers reads them, carried to every layout, and overridden."""

import json
import re
from dataclasses import replace

import pytest
from text_cases import CASES, GENUINE, POSITIONS, WORDS, ids, read, write_case

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.command import main
from bertferry.core.errors import UsageError

EXACT = [name for name, case in CASES.items() if "ids" in case]


def prompted(case):
    """The texts with the prompt that sentence-transformers puts before them."""
    values = case["files"].get("config_sentence_transformers.json", {})
    prompt = values.get("prompts", {}).get(values.get("default_prompt_name"), "")
    return [prompt + text for text in case["texts"]]


@pytest.mark.parametrize("name", EXACT)
def test_a_case_has_the_ids_of_its_genuine_tokenizer(tmp_path, name):
    case = CASES[name]
    tokenizer = open_checkpoint(write_case(tmp_path / "source", case["files"])).tokenizer_reading.tokenizer
    assert ids(tokenizer, prompted(case)) == case["ids"]
    assert tokenizer.length(POSITIONS) == case["length"]


@pytest.mark.parametrize("number", range(len(GENUINE)))
def test_ids_are_those_of_transformers(tmp_path, number):
    case = GENUINE[number]
    tokenizer = read(write_case(tmp_path, case["files"], [*case["names"], *WORDS[5:]])).tokenizer
    if tokenizer.inexact:
        assert any(step in tokenizer.inexact for step in ("normalizer NFKC", "pre-tokenizer WhitespaceSplit"))
        return
    assert ids(tokenizer, case["texts"]) == case["ids"]
    assert ids(tokenizer, case["texts"][:1], case["texts"][1:2], POSITIONS) == [case["pair"]]
    assert tokenizer.padding_side == case["padding_side"]


@pytest.mark.parametrize("name", EXACT)
def test_the_way_through_tensorflow_layouts_keeps_the_tokenizer(tmp_path, name):
    case = CASES[name]
    source = write_case(tmp_path / "source", case["files"])
    before = open_checkpoint(source).tokenizer_reading.tokenizer
    for number, layout in enumerate(("tf1", "keras_bert", "huggingface", "keras_bert")):
        target = tmp_path / str(number)
        convert_checkpoint(source, target, ConversionOptions(to=layout, task="encoder"))
        source = target
    reading = open_checkpoint(source).tokenizer_reading
    after = reading.tokenizer
    assert ids(after, prompted(case)) == case["ids"]
    assert reading.notes == ()
    for path, content in case["files"].items():
        if path.startswith(("1_Pooling", "modules", "sentence", "config_sentence")):
            assert json.loads((source / path).read_text()) == content
    assert by_id(after) == by_id(replace(before, max_length=after.max_length))
    assert after.length(POSITIONS) == case["length"]


def by_id(tokenizer):
    """The tokenizer with its added tokens in one order."""
    return replace(tokenizer, added=tuple(sorted(tokenizer.added, key=lambda token: token.id)))


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (
            {"tokenizer_config.json": {"do_lower_case": True}, "tokenizer.json": {"lowercase": False}},
            "tokenizer.json has lowercase false, tokenizer_config.json do_lower_case true: took true",
        ),
        (
            {"tokenizer_config.json": {"strip_accents": None}, "tokenizer.json": {"strip_accents": False}},
            "tokenizer.json has strip_accents false, tokenizer_config.json strip_accents null: took true",
        ),
        (
            {"tokenizer_config.json": {}, "tokenizer.json": {"handle_chinese_chars": False}},
            "tokenizer.json has handle_chinese_chars false, tokenizer_config.json tokenize_chinese_chars null",
        ),
        (
            {"tokenizer_config.json": {}, "tokenizer.json": {"clean_text": False}},
            "tokenizer.json has clean_text false, which transformers 4 and clients of tokenizers follow",
        ),
        (
            {"tokenizer_config.json": {}, "tokenizer.json": {"type": "NFKC"}},
            "tokenizer.json has the normalizer NFKC, which transformers 4 follows: took tokenizer_config.json",
        ),
        (
            {
                "tokenizer_config.json": {"tokenizer_class": "TokenizersBackend", "do_lower_case": False},
                "tokenizer.json": {"lowercase": True},
            },
            "tokenizer_config.json has do_lower_case false, tokenizer.json lowercase true: took that",
        ),
        (
            {
                "tokenizer_config.json": {"pad_token": "[PAD]"},
                "special_tokens_map.json": {"pad_token": {"content": "the"}},
            },
            "tokenizer_config.json has pad_token [PAD], special_tokens_map.json the: took that",
        ),
        (
            {
                "vocab.txt": "".join(f"{word}\n" for word in [*WORDS[:5], *reversed(WORDS[5:])]),
                "tokenizer.json": {},
            },
            "vocab.txt and tokenizer.json have different tokens from id 5 on: took those of tokenizer.json",
        ),
    ],
)
def test_contradictions_name_both_files(tmp_path, capsys, files, line):
    settings = files.pop("tokenizer.json", None)
    if settings is not None:
        given = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
        normalizer = {"type": "BertNormalizer", **given, **settings}
        frame = CASES["strip-accents-in-tokenizer-json"]["files"]["tokenizer.json"]
        vocabulary = {word: number for number, word in enumerate(WORDS)}
        files["tokenizer.json"] = {**frame, "normalizer": normalizer, "model": {"vocab": vocabulary}}
    source = write_case(tmp_path / "source", files)
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 0
    lines = [row for row in capsys.readouterr().out.split("\n") if "note:" in row]
    assert len(lines) == 1
    assert line in lines[0]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab"}, "cuts texts with MeCab"),
        (
            {"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "sudachi"},
            "cuts texts with Sudachi",
        ),
        ({"tokenizer_class": "XLMRobertaTokenizerFast"}, "XLMRobertaTokenizer cuts texts with SentencePiece"),
        ({"tokenizer_class": "RobertaTokenizer"}, "RobertaTokenizer cuts texts with byte-level BPE"),
        ({"tokenizer_class": "TheirTokenizer"}, "TheirTokenizer is no known class of word pieces"),
        ({"auto_map": {"AutoTokenizer": ["a.B", None]}}, "is code of its own"),
    ],
)
def test_what_has_no_exact_graph_is_named(tmp_path, config, reason):
    source = write_case(tmp_path / "source", {"tokenizer_config.json": config})
    assert reason in read(source).tokenizer.inexact
    for number, layout in enumerate(("keras_bert", "huggingface")):
        convert_checkpoint(source, tmp_path / str(number), ConversionOptions(to=layout, task="encoder"))
        source = tmp_path / str(number)
    assert reason in read(source).tokenizer.inexact


def test_the_configuration_of_the_model_may_name_the_class(tmp_path):
    source = write_case(tmp_path / "source", {"tokenizer_config.json": {"do_lower_case": False}})
    values = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**values, "tokenizer_class": "BertJapaneseTokenizer"}))
    assert read(source).tokenizer.inexact.startswith("BertJapaneseTokenizer cuts texts with")


@pytest.mark.parametrize("kind", ["Unigram", "BPE"])
def test_a_tokenizer_of_another_model_is_named_without_a_vocabulary(tmp_path, kind):
    config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    files = {"tokenizer_config.json": config, "tokenizer.json": {"model": {"type": kind, "vocab": []}}}
    source = write_case(tmp_path / "source", {**files, "vocab.txt": None})
    assert kind in read(source).tokenizer.inexact


def test_flags_override_the_files_and_are_recorded(tmp_path, capsys):
    source = write_case(tmp_path / "source", {"tokenizer_config.json": {"do_lower_case": True}})
    arguments = [
        "--input",
        str(source),
        "--output",
        str(tmp_path / "out"),
        "--no-do-lower-case",
        "--strip-accents",
    ]
    arguments += ["--no-tokenize-chinese-chars", "--special-tokens", "split", "--max-seq-length", "9"]
    assert main(arguments) == 0
    assert "do_lower_case is false as stated by a flag; the files say true" in capsys.readouterr().out
    tokenizer = read(tmp_path / "out").tokenizer
    assert (tokenizer.lower_case, tokenizer.strip_accents, tokenizer.tokenize_chinese_chars) == (
        False,
        True,
        False,
    )
    assert (tokenizer.finds_special_tokens, tokenizer.max_length) == (False, 9)


def test_a_length_beyond_the_positions_is_refused(tmp_path):
    source = write_case(tmp_path / "source", {"tokenizer_config.json": {}})
    with pytest.raises(UsageError, match="--max-seq-length 65: the encoder has 64 positions"):
        read(source, max_seq_length=65)


@pytest.mark.parametrize(("name", "length"), [("bert", 40), ("albert", 40), ("bert", 7)])
def test_the_length_of_sentence_transformers_decides(tmp_path, name, length):
    files = {
        "tokenizer_config.json": {"model_max_length": 9},
        f"sentence_{name}_config.json": {"max_seq_length": length},
    }
    reading = read(write_case(tmp_path / "source", files))
    assert reading.tokenizer.max_length == length
    line = f"sentence_{name}_config.json has max_seq_length 40, tokenizer_config.json model_max_length 9: took 40"
    assert [line in note for note in reading.notes] == ([True] if length > 9 else [])


def test_without_a_length_embeddings_use_all_positions(tmp_path):
    tokenizer = read(
        write_case(tmp_path / "source", {"tokenizer_config.json": {"model_max_length": 10**30}})
    ).tokenizer
    assert (tokenizer.length(512), tokenizer.length(512, padded=False)) == (128, 512)


def test_sentence_transformers_passes_settings_on(tmp_path):
    files = {
        "tokenizer_config.json": {},
        "sentence_bert_config.json": {"tokenizer_args": {"do_lower_case": False}},
    }
    assert not read(write_case(tmp_path / "source", files)).tokenizer.lower_case


def test_special_tokens_are_split_if_the_source_is_of_tensorflow(tmp_path, golden):
    stated = SourceOptions(do_lower_case=True)
    reading = open_checkpoint(golden / "third_party_keras_bert", stated).tokenizer_reading
    assert not reading.tokenizer.finds_special_tokens
    assert reading.tokenizer.found == ()
    convert_checkpoint(golden / "third_party_keras_bert", tmp_path / "tf", source=stated)
    assert not open_checkpoint(tmp_path / "tf").tokenizer_reading.tokenizer.finds_special_tokens
    options = ConversionOptions(to="huggingface", task="encoder")
    report = convert_checkpoint(tmp_path / "tf", tmp_path / "hf", options)
    assert any("special tokens spelled out in texts" in note for note in report.notes)
    assert open_checkpoint(tmp_path / "hf").tokenizer_reading.tokenizer.finds_special_tokens


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("tokenizer_config.json", {"do_lower_case": "yes"}, "do_lower_case is 'yes': expected true or false"),
        ("tokenizer_config.json", {"model_max_length": "long"}, "model_max_length is 'long': expected a length"),
        ("tokenizer_config.json", {"padding_side": "up"}, "padding_side is 'up': expected left or right"),
        ("tokenizer_config.json", {"added_tokens_decoder": []}, "added_tokens_decoder is []: expected an object"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"7": 3}}, "3 is no token"),
        ("special_tokens_map.json", {"pad_token": {"text": "a"}}, "None is no token"),
        ("sentence_bert_config.json", {"max_seq_length": "9"}, "max_seq_length is '9': expected a number"),
        ("tokenizer.json", {"model": {"vocab": {}}, "added_tokens": 3}, "added_tokens is 3: expected a list"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path, one_line, name, content, line):
    files = {"tokenizer_config.json": {}, name: content}
    source = write_case(tmp_path / "source", files)
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) in (1, 2)
    one_line(re.escape(line))
    assert not (tmp_path / "out").exists()
