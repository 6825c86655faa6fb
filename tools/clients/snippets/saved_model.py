"""TensorFlow: the signature of the module in the folder."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from texts import embed, tokenize


def outputs(folder: Path, sentences: list[str], module: str) -> np.ndarray:
    serve = tf.saved_model.load(folder / module).signatures["serving_default"]
    tokens = tokenize(folder, sentences)
    answer = serve(
        input_word_ids=tf.constant(tokens["input_ids"], tf.int32),
        input_mask=tf.constant(tokens["attention_mask"], tf.int32),
        input_type_ids=tf.constant(tokens["token_type_ids"], tf.int32),
    )
    return embed(answer["sequence_output"].numpy(), tokens["attention_mask"])
