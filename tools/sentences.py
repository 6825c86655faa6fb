"""Sentences on many subjects, to measure what an approximation does to their embeddings.

Seeded combinations of the parts below, the prose of this project's own documentation, and texts of unusual form.
The same checkout gives the same sentences.
"""

import random
import re
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEED = 15
PER_SUBJECT = 30
SUBJECTS = {
    "cooking": (
        ("the cook", "my grandmother", "a hungry student", "the baker next door"),
        ("simmers lentils with cumin", "burned the onions again", "is kneading the dough", "forgot the salt"),
        ("before the guests arrive", "in a heavy iron pan", "for almost an hour", "because the oven is broken"),
    ),
    "medicine": (
        ("the nurse", "a patient with a fever", "the surgeon", "an expert in allergies"),
        (
            "measured the blood pressure",
            "asked for a second opinion",
            "prescribes antibiotics",
            "waits for the results",
        ),
        ("after the operation", "without any symptoms", "despite the side effects", "at the emergency room"),
    ),
    "astronomy": (
        ("the telescope", "a distant galaxy", "the probe near Saturn", "an amateur astronomer"),
        (
            "detected a faint signal",
            "drifts through the dark",
            "photographed the rings",
            "lost its signal",
        ),
        ("during the eclipse", "millions of light-years away", "on its third orbit", "in the infrared"),
    ),
    "finance": (
        ("the central bank", "our accountant", "a cautious investor", "the insurance company"),
        ("raised interest rates", "sold all its shares", "refused the loan", "underestimated the inflation"),
        ("in the last quarter", "to reduce its debts", "against the advice of analysts", "by 3.5 percent"),
    ),
    "football": (
        ("the goalkeeper", "a young striker", "the home team", "their new coach"),
        ("saved the penalty", "missed an open goal", "won 4-2", "was sent off"),
        ("in extra time", "in front of 60,000 fans", "for the first time this season", "in pouring rain"),
    ),
    "music": (
        ("the violinist", "a jazz trio", "the choir", "an unknown composer"),
        (
            "rehearsed the slow movement",
            "played without a score",
            "tuned lower",
            "recorded a second album",
        ),
        ("in the empty concert hall", "until midnight", "with two missing strings", "to great applause"),
    ),
    "software": (
        ("the compiler", "a race condition", "our database server", "the new release"),
        ("rejects the template", "corrupted the index", "leaks memory", "breaks the login page"),
        ("under heavy load", "on machines with one core", "since version 2.14", "unless caching is disabled"),
    ),
    "law": (
        ("the judge", "a tenant", "the defendant's lawyer", "the supreme court"),
        ("dismissed the appeal", "signed the contract", "questioned the witness", "overturned the verdict"),
        ("for lack of evidence", "in a closed hearing", "under the new statute", "after eleven years"),
    ),
    "weather": (
        ("a thunderstorm", "the morning fog", "an early frost", "the hottest summer on record"),
        ("delayed all the trains", "damaged the vineyards", "moved slowly to the north", "surprised the hikers"),
        ("along the coast", "according to the forecast", "without a warning", "at 1,200 meters"),
    ),
    "history": (
        ("the emperor", "a forgotten treaty", "the besieged city", "merchants from Venice"),
        ("divided the kingdom", "paid for the fleet", "surrendered to the army", "changed the borders"),
        ("in the winter of 1241", "after a long famine", "without a single battle", "for three generations"),
    ),
    "animals": (
        ("the old dog", "a pair of storks", "the octopus", "a swarm of bees"),
        ("sleeps by the door", "built a nest", "opened the jar", "followed the queen"),
        ("on our chimney", "as soon as it gets dark", "in a tank at the laboratory", "every spring"),
    ),
    "travel": (
        ("the night train", "an exhausted tourist", "our guide", "the last ferry"),
        ("leaves from platform nine", "lost her passport", "recommended a small hotel", "was fully booked"),
        ("between Vienna and Rome", "two days before the flight", "near the old harbor", "because of a strike"),
    ),
}
FORMS = ("{} {} {}.", "{2}, {0} {1}", "Is it true that {} {} {}?", "I was told that {} {} {}; nobody knew why.")
UNUSUAL = (
    *("no", "Yes!", "42", "why?", "a b c d e f g", "!!!", "BERT", "e", "ok ok ok ok ok ok ok ok ok ok ok ok"),
    *("https://example.org/index.html?q=1&page=2", "def add(a, b):\n    return a + b", "SELECT name FROM users;"),
    *("Error 0x80070057: the parameter is incorrect", "3.14159265358979", "2026-11-26T16:41:53Z", "C₆H₁₂O₆ + O₂"),
    *("Der Zug nach München hat Verspätung.", "¿Dónde está la biblioteca?", "Il pleut ce matin.", "Привет, мир"),
    *(
        "東京は今日も雨です。",
        "안녕하세요",
        "שלום",
        "مرحبا بالعالم",
        "naïve café",
        "İstanbul'da hava güzel",
        "😀😀",
    ),
    "the " * 100,
)


def sentences() -> list[str]:
    """All of them: each subject's, the documentation's and the unusual ones."""
    chance = random.Random(SEED)
    found = [
        chance.choice(FORMS).format(*parts)
        for who_what_how in SUBJECTS.values()
        for parts in chance.sample(list(product(*who_what_how)), PER_SUBJECT)
    ]
    return list(dict.fromkeys([*found, *prose(), *UNUSUAL]))


def prose() -> list[str]:
    """The sentences of README.md and CONTRIBUTING.md, and their longest paragraphs, without tables and code."""
    paragraphs = []
    for name in ("README.md", "CONTRIBUTING.md"):
        text = re.sub(r"```.*?```", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        joined = [" ".join(part.split()) for part in text.split("\n\n")]
        paragraphs += [part for part in joined if part and part[0] not in "|#<["]
    split = [sentence for part in paragraphs for sentence in re.split(r"(?<=[.:;]) ", part)]
    return [*split, *sorted(paragraphs, key=len)[-10:]]
