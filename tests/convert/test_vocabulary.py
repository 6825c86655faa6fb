"""Vocabularies as people have them give the ids that transformers gives."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint
from bertferry.convert.command import main
from bertferry.convert.vocabulary import placeholder, read_vocabulary, without_repetitions

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, *"abcdefghijklmnopqrstuvwxy"]


@pytest.fixture
def source(golden, tmp_path):
    """A writable copy of a checkpoint with 30 rows, for a vocabulary."""
    return Path(shutil.copytree(golden / "tf1_core_L2", tmp_path / "source"))


def written(source, output, *arguments):
    """The lines of the vocabulary beside a converted checkpoint."""
    assert main(["--input", str(source), "--output", str(output), *arguments]) == 0
    return (output / "vocab.txt").read_bytes().decode().removesuffix("\n").split("\n")


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        ("\n".join(WORDS), WORDS),
        ("\r\n".join(WORDS) + "\r\n", WORDS),
        ("\ufeff" + "\n".join(WORDS) + "\n", WORDS),
        ("\n".join(WORDS) + "\n\n\n\n", WORDS),
        ("\n".join(WORDS[:26]) + "\n", WORDS[:26]),
        ("\n".join([*WORDS[:28], "\u2028", "\x85"]) + "\n", [*WORDS[:28], "\u2028", "\x85"]),
        ("\n".join([*WORDS[:28], "", "a"]) + "\n", [*WORDS[:28], "", "a"]),
    ],
    ids=["no last end", "of Windows", "byte order mark", "blank lines", "shorter", "odd lines", "twice"],
)
def test_a_vocabulary_is_kept(source, tmp_path, content, tokens):
    (source / "vocab.txt").write_bytes(content.encode())
    assert written(source, tmp_path / "out") == tokens


def test_what_is_unusual_is_said(source):
    (source / "vocab.txt").write_text("\n".join([*WORDS[:26], "a", "b"]) + "\n\n")
    assert read_vocabulary(source / "vocab.txt", 30).notes == (
        "left out the blank lines at the end of vocab.txt: 1",
        "the vocabulary has 28 tokens for 30 rows: the others have none",
        "the vocabulary has 2 tokens twice (a, b): the last counts",
    )


def test_a_vocabulary_that_is_longer_than_the_table(source, tmp_path, one_line):
    (source / "vocab.txt").write_text("\n".join([*WORDS, "z"]) + "\n")
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("vocab.txt: 31 tokens, but the token embedding table has 30 rows")


def test_an_empty_vocabulary(source, tmp_path, one_line):
    (source / "vocab.txt").write_text("\n")
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("vocab.txt: a vocabulary without tokens")


def test_of_equal_tokens_the_last_counts(source):
    (source / "vocab.txt").write_text("\n".join([*SPECIAL, "a", "", "b", "a", ""]) + "\nc\n")
    vocabulary = read_vocabulary(source / "vocab.txt", 30)
    expected = [*SPECIAL, placeholder(5), placeholder(6), "b", "a", "", "c"]
    assert vocabulary.file.read_text().split("\n")[:-1] == expected


@given(st.lists(st.text(st.characters(exclude_characters=" ", codec="utf-8"))))
def test_without_repetitions_every_token_keeps_its_id(tokens):
    unique = without_repetitions(tokens)
    assert len(set(unique)) == len(unique) == len(tokens)
    last = {token: number for number, token in enumerate(tokens)}
    assert {token: number for number, token in enumerate(unique) if token in last} == last


def tokenizer(tokens, added=(), **model):
    """The parts of a `tokenizer.json` that are read."""
    pieces = {token: number for number, token in enumerate(tokens)}
    normalizer = {"type": "BertNormalizer", "lowercase": True}
    added_tokens = [{"id": number, "content": token} for token, number in added]
    return {
        "added_tokens": added_tokens,
        "normalizer": normalizer,
        "model": {"type": "WordPiece", "vocab": pieces, **model},
    }


def test_a_vocabulary_may_be_in_the_tokenizer_only(source, tmp_path):
    (source / "tokenizer.json").write_text(json.dumps(tokenizer(WORDS[:28], [("[PAD]", 0), ("<e>", 28)])))
    assert written(source, tmp_path / "out", "--to", "huggingface") == [*WORDS[:28], "<e>"]
    config = json.loads((tmp_path / "out/tokenizer_config.json").read_text())
    assert config["do_lower_case"] is True
    assert json.loads((tmp_path / "out/added_tokens.json").read_text()) == {"<e>": 28}


@pytest.mark.parametrize("model", [{"type": "Unigram"}, {"type": "BPE"}])
def test_a_tokenizer_of_another_kind_is_no_vocabulary(source, tmp_path, model):
    (source / "tokenizer.json").write_text(json.dumps(tokenizer(WORDS, **model)))
    report = convert_checkpoint(source, tmp_path / "out")
    assert not report.vocabulary


@pytest.mark.parametrize("kind", ["added_tokens.json", "tokenizer_config.json", "tokenizer.json"])
def test_added_tokens_are_found_and_come_back(source, tmp_path, kind):
    (source / "vocab.txt").write_text("\n".join(WORDS[:27]) + "\n")
    values = {
        "added_tokens.json": {"<e2>": 28, "<e1>": 27},
        "tokenizer_config.json": {
            "added_tokens_decoder": {
                "0": {"content": "[PAD]"},
                "27": {"content": "<e1>"},
                "28": {"content": "<e2>"},
            }
        },
        "tokenizer.json": tokenizer(WORDS[:27], [("[PAD]", 0), ("<e1>", 27), ("<e2>", 28)]),
    }
    (source / kind).write_text(json.dumps(values[kind]))
    tokens = [*WORDS[:27], "<e1>", "<e2>"]
    assert written(source, tmp_path / "between") == tokens
    back = written(tmp_path / "between", tmp_path / "back", "--to", "huggingface", "--do-lower-case")
    assert back == tokens
    assert json.loads((tmp_path / "back/added_tokens.json").read_text()) == {"<e1>": 27, "<e2>": 28}


def test_a_row_between_added_tokens_has_none(source, tmp_path):
    (source / "vocab.txt").write_text("\n".join(WORDS[:27]) + "\n")
    (source / "added_tokens.json").write_text('{"<e>": 29}')
    assert written(source, tmp_path / "out")[27:] == ["[row 27]", "[row 28]", "<e>"]


def test_an_added_token_beyond_the_table(source, tmp_path, one_line):
    (source / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (source / "added_tokens.json").write_text('{"<e>": 1000000000000}')
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == 1
    one_line("vocab.txt: 1000000000001 tokens, but the token embedding table has 30 rows")


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("{", 2, "tokenizer.json: not a readable"),
        ("[]", 2, "tokenizer.json: not a tokenizer"),
        (json.dumps(tokenizer(())).replace("{}", '{"a": 10000000000}'), 1, "does not number its tokens"),
    ],
)
def test_a_damaged_tokenizer(source, tmp_path, one_line, content, code, line):
    (source / "tokenizer.json").write_text(content)
    assert main(["--input", str(source), "--output", str(tmp_path / "out")]) == code
    one_line(line)


@pytest.mark.parametrize("name", ["vocab (1).txt", "bert_vocab.txt"])
def test_the_only_vocabulary_may_have_another_name(source, tmp_path, capsys, name):
    (source / name).write_text("\n".join(WORDS) + "\n")
    assert written(source, tmp_path / "out") == WORDS
    assert f"note: took the vocabulary {name}" in capsys.readouterr().out


def test_a_shorter_vocabulary_is_the_same_everywhere(source, tmp_path):
    (source / "vocab.txt").write_text("\n".join(WORDS[:20]) + "\n")
    lower = SourceOptions(do_lower_case=True)
    report = convert_checkpoint(source, tmp_path / "hf", ConversionOptions(to="huggingface"), source=lower)
    assert "the vocabulary has 20 tokens for 30 rows: the others have none" in report.notes
    assert read_vocabulary(tmp_path / "hf/vocab.txt", 30).tokens == WORDS[:20]


@pytest.mark.parametrize(("flag", "value"), [("--do-lower-case", True), ("--no-do-lower-case", False)])
def test_the_casing_is_stated_for_a_vocabulary_that_is_still_missing(source, tmp_path, flag, value):
    arguments = ["--input", str(source), "--output", str(tmp_path / "out"), "--to", "huggingface"]
    assert main([*arguments, flag]) == 0
    assert json.loads((tmp_path / "out/tokenizer_config.json").read_text())["do_lower_case"] is value
