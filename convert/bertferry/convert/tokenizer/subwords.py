"""The tokenizers of ALBERT, CamemBERT, RoBERTa and XLM-R, as transformers 5.24 builds them for `tokenizers`.

From `models/*/tokenization_*.py` and `TokenizersBackend.convert_to_native_format`: `tokenizer_config.json` and the
class decide; of a `tokenizer.json` count the vocabulary, the map of characters and, for ALBERT, the frame.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bertferry.convert.tokenizer.files import BYTE_LEVEL, TokenizerFiles
from bertferry.convert.tokenizer.sentencepiece import Piece, SentencePieces, read_model
from bertferry.convert.vocabulary import TOKENIZER, read_object
from bertferry.core.errors import DataError

Step = dict[str, Any]
PIECES, MERGES = BYTE_LEVEL
NAMES = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
ALBERT_NAMES = {**NAMES, "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
NOT_USED = "<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"
"""Pieces of CamemBERT that stand for nothing."""
UNUSED_SCORE = -100.0
BLANK = "▁"


@dataclass(frozen=True)
class Casing:
    """What ALBERT does with texts before they are cut."""

    lower_case: bool = False
    strips_accents: bool = False


@dataclass(frozen=True)
class SubwordClass:
    """A class: its usual special tokens, and the steps with which its tokenizer cuts texts: model, normalizer,
    pre-tokenizer, decoder and post-processor.

    `model_name` is that of its model of SentencePiece; `sets_casing` says whether its configuration says what
    becomes of case and accents.
    """

    special: Mapping[str, str]
    build: Callable[[TokenizerFiles, Mapping[str, str], Casing], Step]
    model_name: str | None = None
    sets_casing: bool = False


def _roberta(files: TokenizerFiles, special: Mapping[str, str], _: Casing) -> Step:
    spaced = files.stated("add_prefix_space", bool) is True
    vocabulary, merges = _bytes(files)
    trims = files.stated("trim_offsets", bool) is not False
    ids = {role: vocabulary.get(special[role]) for role in ("cls", "sep")}
    return {
        "normalizer": None,
        "pre_tokenizer": _byte_level(spaced),
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": [special["sep"], ids["sep"]],
            "cls": [special["cls"], ids["cls"]],
            "trim_offsets": trims,
            "add_prefix_space": spaced,
        },
        "decoder": _byte_level(spaced=True),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocabulary,
            "merges": merges,
        },
    }


def _xlm_roberta(files: TokenizerFiles, special: Mapping[str, str], _: Casing) -> Step:
    stored = _unigram(files)
    if isinstance(stored, SentencePieces):
        first = [(special[role], 0.0) for role in ("cls", "pad", "sep", "unk")]
        pieces = [*first, *stored.pieces[3:], (special["mask"], 0.0)]
        return _cut_with(pieces, 3, _characters(stored), files, special)
    return _cut_with(stored, 3, _characters(files), files, special)


def _camembert(files: TokenizerFiles, special: Mapping[str, str], _: Casing) -> Step:
    stored = _unigram(files)
    if isinstance(stored, SentencePieces):
        none, end, unknown = NOT_USED
        first = [(none, 0.0), (special["pad"], 0.0), (end, 0.0), (special["unk"], 0.0), (unknown, UNUSED_SCORE)]
        pieces = [*first, *stored.pieces[1:], (special["mask"], 0.0)]
        characters = _characters(stored)
    else:
        pieces, characters = stored, _characters(files)
    number = next((n for n, (piece, _) in enumerate(pieces) if piece == special["unk"]), 0)
    return _cut_with(pieces, number, characters, files, special)


def _albert(files: TokenizerFiles, special: Mapping[str, str], casing: Casing) -> Step:
    stored = _unigram(files)
    if isinstance(stored, SentencePieces):
        pieces, characters = list(stored.pieces), _characters(stored)
    else:
        pieces, characters = stored, _characters(files)
    steps: list[Step] = [
        {"type": "Replace", "pattern": {"String": quotes}, "content": '"'} for quotes in ("``", "''")
    ]
    if casing.strips_accents:
        steps += [{"type": "NFKD"}, {"type": "StripAccents"}]
    if casing.lower_case:
        steps.append({"type": "Lowercase"})
    built = _cut_with(pieces, 1, None, files, special)
    built["normalizer"] = {"type": "Sequence", "normalizers": [*steps, *([characters] if characters else [])]}
    single = [_token("[CLS]"), _text("A"), _token("[SEP]")]
    second = [_text("B", 1), _token("[SEP]", 1)]
    named = {"[CLS]": special["cls"], "[SEP]": special["sep"]}
    own = files.backend.get("post_processor")
    built["post_processor"] = own or _template(pieces, named, single, [*single, *second])
    return built


SUBWORDS: Mapping[str, SubwordClass] = {
    "AlbertTokenizer": SubwordClass(ALBERT_NAMES, _albert, "spiece.model", sets_casing=True),
    "CamembertTokenizer": SubwordClass(NAMES, _camembert, "sentencepiece.bpe.model"),
    "RobertaTokenizer": SubwordClass(NAMES, _roberta),
    "XLMRobertaTokenizer": SubwordClass(NAMES, _xlm_roberta, "sentencepiece.bpe.model"),
}
"""By the name of the class in transformers."""


def _cut_with(
    pieces: list[Piece], unknown: int, characters: Step | None, files: TokenizerFiles, special: Mapping[str, str]
) -> Step:
    """The steps of a tokenizer that cuts words into pieces of SentencePiece, in the frame of RoBERTa."""
    scheme = "never" if files.stated("add_prefix_space", bool) is False else "always"
    blanks = {"type": "Metaspace", "replacement": BLANK, "prepend_scheme": scheme, "split": True}
    begin, end, first, second = _token(special["cls"]), _token(special["sep"]), _text("A"), _text("B")
    names = {special[role]: special[role] for role in ("cls", "sep")}
    return {
        "normalizer": characters,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, blanks]},
        "post_processor": _template(pieces, names, [begin, first, end], [begin, first, end, end, second, end]),
        "decoder": blanks,
        "model": {"type": "Unigram", "unk_id": unknown, "vocab": pieces, "byte_fallback": False},
    }


def _template(pieces: list[Piece], names: Mapping[str, str], single: list[Step], pair: list[Step]) -> Step:
    """A frame; `names` are the tokens in it, and the pieces that they stand for."""
    numbers = {piece: number for number, (piece, _) in enumerate(pieces)}
    tokens = {name: {"id": name, "ids": [numbers.get(piece)], "tokens": [name]} for name, piece in names.items()}
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}


def _token(name: str, number: int = 0) -> Step:
    """A token of a frame, and the number of its type."""
    return {"SpecialToken": {"id": name, "type_id": number}}


def _text(name: str, number: int = 0) -> Step:
    """A text in a frame, `A` or `B`, and the number of its type."""
    return {"Sequence": {"id": name, "type_id": number}}


def _byte_level(spaced: bool) -> Step:
    return {"type": "ByteLevel", "add_prefix_space": spaced, "trim_offsets": True, "use_regex": True}


def _unigram(files: TokenizerFiles) -> list[Piece] | SentencePieces:
    """The pieces of a `tokenizer.json`, numbered as they are, or a model of SentencePiece."""
    if not files.backend:
        assert files.model is not None  # see `has_vocabulary`
        return read_model(files.model)
    vocabulary = _model(files, "Unigram").get("vocab")
    if not isinstance(vocabulary, list) or not all(isinstance(one, list) and len(one) == 2 for one in vocabulary):
        raise DataError(f"{files.folder / TOKENIZER}: its vocabulary is no list of pieces with their scores")
    return [(str(piece), float(score)) for piece, score in vocabulary]


def _bytes(files: TokenizerFiles) -> tuple[Mapping[str, int], list[Any]]:
    """The pieces and the merges of byte-level BPE: of `tokenizer.json`, or of files of their own."""
    if files.backend:
        model = _model(files, "BPE")
        vocabulary, merges, path = model.get("vocab"), model.get("merges"), files.folder / TOKENIZER
    else:
        path = files.folder / PIECES
        vocabulary, merges = read_object(path), _lines(files)
    if not isinstance(vocabulary, dict) or not all(type(number) is int for number in vocabulary.values()):
        raise DataError(f"{path}: its vocabulary does not number its pieces")
    if not isinstance(merges, list):
        raise DataError(f"{path}: its merges are no list")
    return vocabulary, merges


def _lines(files: TokenizerFiles) -> list[str]:
    path = files.folder / MERGES
    try:
        lines = path.read_bytes().decode().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable list of merges: {error}") from error
    return [line.removesuffix("\r") for line in lines if line.strip() and not line.startswith("#version")]


def _model(files: TokenizerFiles, kind: str) -> Mapping[str, Any]:
    model = files.backend.get("model")
    if not isinstance(model, dict) or model.get("type") != kind:
        raise DataError(f"{files.folder / TOKENIZER}: its model is not {kind}, as that of its class is")
    return model


def _characters(source: SentencePieces | TokenizerFiles) -> Step | None:
    """The step that maps characters; None if there is none."""
    if isinstance(source, SentencePieces):
        mapped = b64encode(source.characters).decode()
        return {"type": "Precompiled", "precompiled_charsmap": mapped} if mapped else None
    step = source.backend.get("normalizer") or {}
    steps = step.get("normalizers", []) if step.get("type") == "Sequence" else [step]
    return next((one for one in steps if isinstance(one, dict) and one.get("type") == "Precompiled"), None)
