"""Reads a model of SentencePiece: its pieces and how it normalizes texts.

https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from bertferry.convert.prefixes import OF_A_MAC
from bertferry.convert.proto import message_classes
from bertferry.core.errors import DataError
from bertferry.core.tokenizer import AddedToken

Piece = tuple[str, float]
"""A piece and its logarithmic probability."""
USUAL_NAMES = ("spiece.model", "sentencepiece.bpe.model", "spm.model", "tokenizer.model")
"""In transformers; releases of google-research/albert have another, such as `30k-clean.model`."""
MESSAGES = {
    "Model": "1 pieces *Piece, 2 trainer Trainer, 3 normalizer Normalizer",
    "Piece": "1 piece string, 2 score float, 3 kind int32",
    "Trainer": "3 model_type int32, 40 unk_id int32",
    "Normalizer": "2 precompiled_charsmap bytes",
}
UNIGRAM = (0, 1)
"""Values of `model_type`: nothing, or what that stands for."""
CONTROL, USER_DEFINED = 3, 4


@dataclass(frozen=True)
class SentencePieces:
    """Pieces by id, the map of characters of the normalizer (empty: none), the unknown piece's id, and the pieces
    that are found in texts."""

    pieces: tuple[Piece, ...]
    characters: bytes
    unknown: int
    found: tuple[AddedToken, ...]


def find_model(folder: Path) -> Path | None:
    """The model in a folder: under a usual name, or the only one whose contents are such a model."""
    usual = next((folder / name for name in USUAL_NAMES if (folder / name).is_file()), None)
    if usual is not None:
        return usual
    others = [path for path in folder.glob("*.model") if not path.name.startswith(OF_A_MAC) and _is_model(path)]
    return others[0] if len(others) == 1 else None


def read_model(path: Path) -> SentencePieces:
    """The model in a file.

    Raises:
      DataError: it is none, or not of the kind Unigram.
    """
    model = message_classes("bertferry.sentencepiece", MESSAGES)["Model"]()
    try:
        model.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise DataError(f"{path}: not a readable model of SentencePiece: {error}") from error
    if not model.pieces:
        raise DataError(f"{path}: not a model of SentencePiece: it has no pieces")
    if model.trainer.model_type not in UNIGRAM:
        raise DataError(f"{path}: a model of SentencePiece that is not of the kind Unigram is not supported")
    return SentencePieces(
        tuple((piece.piece, piece.score) for piece in model.pieces),
        model.normalizer.precompiled_charsmap,
        model.trainer.unk_id,
        tuple(_found(model.pieces)),
    )


def _found(pieces: Iterable) -> Iterable[AddedToken]:  # type: ignore[type-arg]  # protobuf's at run time
    """The pieces that stand for themselves in a text, as transformers adds them."""
    for number, piece in enumerate(pieces):
        if piece.kind in (CONTROL, USER_DEFINED):
            yield AddedToken(piece.piece, number, special=piece.kind == CONTROL)


def _is_model(path: Path) -> bool:
    """Whether a file begins as a model does: with the first piece, whose first field is its text."""
    with path.open("rb") as file:
        beginning = file.read(3)
    return beginning[:1] == b"\n" and beginning[2:] == b"\n"
