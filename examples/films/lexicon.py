"""What a lexicon makes of the sentences: the baseline."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from films.archive import NEGATIVE, POSITIVE


def classify(module: Path, texts: Sequence[str]) -> list[str]:
    """The class of each text by vaderSentiment's rules and lexicon; what is neutral to it counts as positive."""
    spec = importlib.util.spec_from_file_location("vaderSentiment", module)
    assert spec is not None
    assert spec.loader is not None
    engine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(engine)
    analyzer = engine.SentimentIntensityAnalyzer()
    return [POSITIVE if analyzer.polarity_scores(text)["compound"] >= 0 else NEGATIVE for text in texts]
