"""The rated sentences of film reviews in the source distribution of vaderSentiment (Hutto and Gilbert, 2014).

Its `hutto_ICWSM_2014.tar.gz` has one sentence per line: number, mean rating of about 20 people from -4 to 4, text.
"""

import io
import tarfile
from pathlib import Path

from classification.labeled_texts import LabeledTexts

from bertferry.core.errors import DataError, UsageError

INNER = "additional_resources/hutto_ICWSM_2014.tar.gz"
RATINGS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
ENGINE, LEXICON = "vaderSentiment/vaderSentiment.py", "vaderSentiment/vader_lexicon.txt"
EMOJI = "vaderSentiment/emoji_utf8_lexicon.txt"
POSITIVE, NEGATIVE = "positive", "negative"


def read_film_reviews(archive: Path) -> tuple[LabeledTexts, int]:
    """The sentences, positive or negative by the sign of their rating, and how many are left out.

    Left out are ratings of exactly 0, and a sentence that was there before.

    Raises:
      UsageError: the archive cannot be read.
      DataError: it has other contents.
    """
    with _open(archive) as outer:
        inner = io.BytesIO(read_member(archive, outer, INNER))
    with tarfile.open(fileobj=inner) as rated:
        lines = read_member(archive, rated, RATINGS).decode("utf-8").splitlines()
    labels: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        try:
            _, rating, text = line.split("\t")
            value = float(rating)
        except ValueError as error:
            raise DataError(f"{archive}: {RATINGS}, line {number}: expected number, rating and text") from error
        if value:
            labels.setdefault(text.strip(), POSITIVE if value > 0 else NEGATIVE)
    return LabeledTexts(archive, tuple(labels), None, tuple(labels.values())), len(lines) - len(labels)


def unpack_lexicon(archive: Path, folder: Path) -> Path:
    """Writes the lexicon and the module that uses it to a folder; returns the module's path."""
    with _open(archive) as outer:
        for member in (ENGINE, LEXICON, EMOJI):
            (folder / Path(member).name).write_bytes(read_member(archive, outer, member))
    return folder / Path(ENGINE).name


def _open(archive: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(archive)
    except (OSError, tarfile.TarError) as error:
        raise UsageError(f"{archive}: cannot be read as an archive: {error}") from error


def read_member(archive: Path, opened: tarfile.TarFile, name: str) -> bytes:
    """The contents of the file whose path ends so.

    Raises:
      DataError: there is none.
    """
    found = next(
        (member for member in opened.getmembers() if member.name.endswith(name) and member.isfile()), None
    )
    stream = opened.extractfile(found) if found else None
    if stream is None:
        raise DataError(f"{archive}: has no {name}: expected the source distribution of vaderSentiment 3.3.2")
    return stream.read()
