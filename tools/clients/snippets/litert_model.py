"""LiteRT: a .tflite file by its signature, at the batch and length of the sentences."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from texts import embed, tokenize

NAMES = {"input_ids": "input_word_ids", "attention_mask": "input_mask", "token_type_ids": "input_type_ids"}
OUTPUTS = ("last_hidden_state", "sequence_output")


def outputs(folder: Path, sentences: list[str], model: str) -> np.ndarray:
    run = Interpreter(str(folder / model)).get_signature_runner()
    tokens = tokenize(folder, sentences)
    details = run.get_input_details()
    names = {name: name if name in details else NAMES[name] for name in tokens}
    answer = run(**{names[name]: values.astype(details[names[name]]["dtype"]) for name, values in tokens.items()})
    (vectors,) = [answer[name] for name in OUTPUTS if name in answer]
    return embed(vectors, tokens["attention_mask"])
