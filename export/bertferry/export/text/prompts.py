"""The prompts of sentence-transformers as functions of a module."""

import re

from bertferry.core.errors import UsageError
from bertferry.core.sentence import Sentence


def prompt_functions(sentence: Sentence) -> dict[str, str]:
    """Names of a module's functions and signatures by the names of prompts: `embed_query`.

    Raises:
      UsageError: two prompts would have the same.
    """
    functions = {name: "embed_" + re.sub(r"\W", "_", name, flags=re.ASCII) for name in sentence.prompts}
    for name, function in functions.items():
        same = [other for other in functions if functions[other] == function]
        if same != [name]:
            raise UsageError(
                f"the prompts {' and '.join(map(repr, same))} would have the same signature {function}"
            )
    return functions
