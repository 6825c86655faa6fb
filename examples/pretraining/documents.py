"""Reads documents as create_pretraining_data.py does: a sentence per line, an empty line between documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pieces import split_texts

from bertferry.core.errors import UsageError
from bertferry.verify.tokenization import SourceTokenizer


@dataclass(frozen=True)
class Token:
    """A token by its id, and whether it goes on with the word of the one before it."""

    id: int
    continues: bool


Lines = list[str]
Sentence = list[Token]
Document = list[Sentence]
SHARE = 10
"""One of so many documents, or lines, is for validation."""


def read_lines(paths: Sequence[Path]) -> list[Lines]:
    """The lines of each document; files end documents, too.

    Raises:
      UsageError: a file that cannot be read or is not UTF-8, or no text at all.
    """
    documents: list[Lines] = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: not a readable text file: {error}") from error
        documents.append([])
        for line in lines:
            if line.strip():
                documents[-1].append(line.strip())
            elif documents[-1]:
                documents.append([])
    documents = [lines for lines in documents if lines]
    if not documents:
        raise UsageError(
            f"{', '.join(map(str, paths))}: no text: expected a sentence per line, empty lines between documents"
        )
    return documents


def tokenize(source: SourceTokenizer, documents: Sequence[Lines], longest: int) -> list[Document]:
    """Documents of tokens, without lines that have none; longer lines become several sentences.

    Args:
      source: the tokenizer.
      documents: lines.
      longest: tokens of the longest sentence. The original would leave out what is beyond a pair of segments.

    Raises:
      UsageError: no line has a token.
    """
    result = []
    for lines in documents:
        sentences = []
        for pieces in split_texts(source, lines):
            before = [None, *pieces.words]
            tokens = [
                Token(one, word == last) for one, word, last in zip(pieces.ids, pieces.words, before, strict=False)
            ]
            sentences += [tokens[at : at + longest] for at in range(0, len(tokens), longest)]
        if sentences:
            result.append(sentences)
    if not result:
        raise UsageError("no line of the text has a token of this vocabulary")
    return result


def split_off(documents: Sequence[Lines], least: int) -> tuple[list[Lines], list[Lines]]:
    """Documents to train on, and those for validation: every tenth one or, if there are too few, their ends.

    The end of a document is a tenth of its lines, rounded down.

    Args:
      documents: all of them.
      least: how many are needed for validation.
    """
    ends = list(documents[SHARE - 1 :: SHARE])
    if len(ends) >= least:
        return [lines for number, lines in enumerate(documents, 1) if number % SHARE], ends
    places = [len(lines) - len(lines) // SHARE for lines in documents]
    kept = [lines[:place] for lines, place in zip(documents, places, strict=True)]
    return kept, [lines[place:] for lines, place in zip(documents, places, strict=True) if place < len(lines)]
