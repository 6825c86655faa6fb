"""The names of the inputs and outputs of graphs from other projects, and what such a graph returns."""

import numpy as np

HUGGING_FACE = {
    "input_word_ids": "input_ids",
    "input_mask": "attention_mask",
    "input_type_ids": "token_type_ids",
    "sequence_output": "last_hidden_state",
    "pooled_output": "pooler_output",
}


def outputs_of(path):
    import onnxruntime

    ids = np.array([[2, 5, 3, 0], [2, 7, 8, 3]])
    inputs = {"input_ids": ids, "attention_mask": (ids > 0).astype(int), "token_type_ids": np.zeros_like(ids)}
    session = onnxruntime.InferenceSession(str(path))
    names = [value.name for value in session.get_outputs()]
    return inputs, dict(zip(names, session.run(names, inputs), strict=True))
