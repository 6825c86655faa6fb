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


Sentence = list[Token]
Document = list[Sentence]


def read_lines(paths: Sequence[Path]) -> list[list[str]]:
    """The lines of each document; files end documents, too.

    Raises:
      UsageError: a file that cannot be read or is not UTF-8, or no text at all.
    """
    documents: list[list[str]] = []
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


def tokenize(source: SourceTokenizer, documents: Sequence[Sequence[str]], longest: int) -> list[Document]:
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
            words = [None, *pieces.words[:-1]]
            tokens = [
                Token(one, word == last) for one, word, last in zip(pieces.ids, pieces.words, words, strict=True)
            ]
            sentences += [tokens[at : at + longest] for at in range(0, len(tokens), longest)]
        if sentences:
            result.append(sentences)
    if not result:
        raise UsageError("no line of the text has a token of this vocabulary")
    return result


def split_off(documents: Sequence[Sequence[str]], share: int = 10) -> tuple[list[list[str]], list[list[str]]]:
    """Documents without their ends, and their ends: one of `share` lines, rounded down."""
    places = [len(lines) - len(lines) // share for lines in documents]
    kept = [list(lines[:place]) for lines, place in zip(documents, places, strict=True)]
    ends = [list(lines[place:]) for lines, place in zip(documents, places, strict=True) if place < len(lines)]
    return kept, ends
