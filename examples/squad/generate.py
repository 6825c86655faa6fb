"""Writes questions about invented people in SQuAD's format: to try run_squad.py where SQuAD cannot be had.

Usage: python examples/squad/generate.py --output DIR [--seed 0] [--train 400] [--dev 100] [--impossible 0]

A context tells of three people; a question asks for one fact about one of them. Every sentence comes from a few
templates, so that a model learns them quickly: a score on these questions says that training works, and nothing
about how well a model reads. The two sets are drawn independently.
"""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bertferry.core.atomic import new_file

SYLLABLES = ("al", "be", "cor", "da", "el", "fin", "ga", "hen", "is", "jo", "ka", "lor", "mi", "nor", "os", "pe")
PLACES = ("Ashford", "Bremen", "Cordoba", "Dresden", "Exeter", "Florence", "Geneva", "Harlem", "Kyoto", "Lima")
SUBJECTS = ("botany", "law", "music", "chemistry", "medicine", "history", "geometry", "economics", "astronomy")
TRADES = ("a painter", "a sea captain", "an engineer", "a printer", "a clockmaker", "a teacher", "a surveyor")
THINGS = ("a copper lamp", "the iron loom", "a tidal clock", "an air pump", "the glass harp", "a steam plow")
TEAMS = ("the Royal Society", "the Guild of St. Luke", "the Harbor Board", "the River Club", "the Night School")

Draw = Callable[[Sequence[str]], str]
Fact = tuple[str, str, str]
"""A sentence with {name} and {answer}, the question with {name}, and the answer."""


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for train.json, dev.json"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=int, default=400, metavar="N", help="contexts for training")
    parser.add_argument("--dev", type=int, default=100, metavar="N", help="contexts for evaluation")
    parser.add_argument(
        "--impossible",
        type=float,
        default=0,
        metavar="SHARE",
        help="of questions without an answer, as in SQuAD 2.0",
    )
    arguments = parser.parse_args()
    for number, (name, count) in enumerate((("train", arguments.train), ("dev", arguments.dev))):
        content = make_questions(name, count, [arguments.seed, number], arguments.impossible)
        arguments.output.mkdir(parents=True, exist_ok=True)
        with new_file(arguments.output / f"{name}.json", overwrite=True) as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def make_questions(name: str, count: int, seed: Sequence[int], impossible: float = 0) -> dict[str, Any]:
    """A set in SQuAD's format.

    Args:
      name: begins the ids.
      count: how many contexts.
      seed: of everything that is drawn.
      impossible: share of questions without an answer.
    """
    rng = np.random.default_rng(seed)
    paragraphs = []
    for number in range(count):
        people = _people(rng, 3)
        told = {person: _facts(rng) for person in people}
        sentences = [
            sentence.format(name=person, answer=answer)
            for person in people
            for sentence, _, answer in told[person]
        ]
        context = " ".join(str(sentence) for sentence in rng.permutation(sentences))
        questions = [
            _question(context, person, fact, impossible=impossible > 0 and rng.random() < impossible, rng=rng)
            for person in people
            for fact in told[person]
        ]
        for at, question in enumerate(questions):
            question["id"] = f"{name}-{number}-{at}"
        paragraphs.append({"context": context, "qas": questions})
    return {"version": "generated", "data": [{"title": "invented people", "paragraphs": paragraphs}]}


def _question(
    context: str, person: str, fact: Fact, *, impossible: bool, rng: np.random.Generator
) -> dict[str, Any]:
    """A question about a fact; an impossible one asks for it about somebody who is not in the context."""
    sentence, question, answer = fact
    if impossible:
        stranger = next(one for one in _people(rng, 4) if one not in context)
        return {"question": question.format(name=stranger), "answers": [], "is_impossible": True}
    start = context.index(sentence.format(name=person, answer=answer)) + sentence.format(
        name=person, answer="\0"
    ).index("\0")
    found = {"text": answer, "answer_start": start}
    return {"question": question.format(name=person), "answers": [found], "is_impossible": False}


def _people(rng: np.random.Generator, count: int) -> list[str]:
    """Different names."""
    names: dict[str, None] = {}
    while len(names) < count:
        first, last = ("".join(rng.choice(SYLLABLES, parts)).capitalize() for parts in (2, 3))
        names[f"{first} {last}"] = None
    return list(names)


def _facts(rng: np.random.Generator) -> list[Fact]:
    """Three facts about a person, each in one of several wordings."""
    draw: Draw = lambda values: str(values[int(rng.integers(len(values)))])  # noqa: E731 - one line says it
    kinds = list(_kinds(draw, rng))
    return [kinds[place] for place in sorted(rng.choice(len(kinds), 3, replace=False))]


def _kinds(draw: Draw, rng: np.random.Generator) -> Iterator[Fact]:
    year, age = str(rng.integers(1700, 1990)), str(rng.integers(20, 90))
    born = ("{name} was born in {answer}.", "The town where {name} was born is {answer}.")
    yield draw(born), draw(("Where was {name} born?", "In which town was {name} born?")), draw(PLACES)
    moved = ("{name} moved abroad in {answer}.", "In {answer} {name} moved abroad.")
    yield draw(moved), draw(("When did {name} move abroad?", "In which year did {name} move abroad?")), year
    studied = ("{name} studied {answer}.", "At university {name} took up {answer}.")
    yield draw(studied), draw(("What did {name} study?", "Which subject did {name} study?")), draw(SUBJECTS)
    worked = ("{name} worked as {answer}.", "By trade {name} was {answer}.")
    yield draw(worked), draw(("What was the trade of {name}?", "What did {name} work as?")), draw(TRADES)
    made = ("{name} invented {answer}.", "It was {name} who built {answer}.")
    yield draw(made), draw(("What did {name} invent?", "What was invented by {name}?")), draw(THINGS)
    joined = ("{name} was a member of {answer}.", "Later {name} joined {answer}.")
    yield draw(joined), draw(("Which society did {name} join?", "What was {name} a member of?")), draw(TEAMS)
    died = ("{name} died at the age of {answer}.", "{name} lived to be {answer} years old.")
    yield draw(died), draw(("How old did {name} become?", "At what age did {name} die?")), age


if __name__ == "__main__":
    main()
