"""film_reviews.py: the sentences it takes, and the whole of it on a slice of them and a small encoder."""

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from films.archive import read_film_reviews

from bertferry.core.errors import DataError, UsageError

SCRIPT = Path(__file__).parent.parent.parent / "examples" / "film_reviews.py"
ENGINE = """
class SentimentIntensityAnalyzer:
    def polarity_scores(self, text):
        return {"compound": text.count("good") - text.count("bad")}
"""
"""Stands for the rules of vaderSentiment, of which the project has no copy."""


def packed(path, files, mode):
    with tarfile.open(path, mode) if isinstance(path, Path) else tarfile.open(fileobj=path, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def archive_of(path, ratings, **more):
    """An archive as vaderSentiment's, with other ratings in it."""
    inner = packed(
        io.BytesIO(), {"hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt": ratings.encode()}, "w:gz"
    ).getvalue()
    top = "vaderSentiment-3.3.2"
    files = {
        f"{top}/additional_resources/hutto_ICWSM_2014.tar.gz": inner,
        f"{top}/vaderSentiment/vaderSentiment.py": ENGINE.encode(),
        f"{top}/vaderSentiment/vader_lexicon.txt": b"",
        f"{top}/vaderSentiment/emoji_utf8_lexicon.txt": b"",
    }
    return packed(path, {**files, **more}, "w:gz")


def test_the_sign_of_a_rating_is_its_class(tmp_path):
    ratings = "1\t0.2\tgood \r\n2\t0\tneither\r\n3\t-3.5\tbad\r\n4\t-1\tgood\r\n"
    read, left_out = read_film_reviews(archive_of(tmp_path / "vader.tar.gz", ratings))
    assert (read.texts, read.labels, left_out) == (("good", "bad"), ("positive", "negative"), 2)


def test_other_contents_are_refused(tmp_path):
    with pytest.raises(DataError, match="line 1: expected number, rating and text"):
        read_film_reviews(archive_of(tmp_path / "vader.tar.gz", "1\tgood\n"))
    with pytest.raises(DataError, match=r"has no additional_resources/.*: expected the source distribution"):
        read_film_reviews(packed(tmp_path / "other.tar.gz", {"setup.py": b""}, "w:gz"))
    (tmp_path / "text.tar.gz").write_text("text")
    with pytest.raises(UsageError, match="cannot be read as an archive"):
        read_film_reviews(tmp_path / "text.tar.gz")


def film_reviews(*flags):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, flags), "--quiet"], capture_output=True, text=True, timeout=None
    )


@pytest.fixture(scope="module")
def archive(reviews, tmp_path_factory):
    rows = [line.split("\t") for line in reviews.read_text().splitlines()]
    ratings = "".join(
        f"{number}\t{1.5 if label == 'positive' else -1.5}\t{text}\r\n"
        for number, (text, label) in enumerate(rows)
    )
    return archive_of(tmp_path_factory.mktemp("archive") / "vader.tar.gz", ratings)


def test_the_whole_way(archive, small_checkpoint, tmp_path):
    flags = ("--output", tmp_path / "films", "--archive", archive, "--weights", small_checkpoint)
    run = film_reviews(*flags)
    assert run.returncode == 0, run.stdout + run.stderr
    steps = re.findall(r"^\$ python (?:-m )?(\S+) ?(\S+)", run.stdout, re.MULTILINE)
    assert [program for program, _ in steps] == ["bertferry"] * 3 + ["examples/run_classifier.py"]
    table = run.stdout.partition("accuracy on 20 held-out sentences\n")[2]
    rows = dict(line.rsplit(maxsplit=1) for line in table.splitlines() if line.endswith("%"))
    assert len(rows) == 7
    assert len({rows[f"{name}, 0 decisions changed"] for name in ("checkpoint", "module", "model.onnx")}) == 1
    again = film_reviews(*flags, "--seed", 1)
    assert again.returncode == 2
    assert "was begun with other sentences: give the same --seed and --sentences as then" in again.stderr
