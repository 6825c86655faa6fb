"""A small checkpoint for texts of film reviews, and programs that run at the end of a pseudo-terminal."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
import tf_keras

from bertferry.convert.configuration import bert_config
from bertferry.core.config import EncoderConfig
from bertferry.modeling.builders import task_model

REVIEWS = Path(__file__).parent.parent / "fixtures" / "film_reviews" / "reviews.tsv"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="session")
def reviews():
    """200 sentences of film reviews with their labels."""
    return REVIEWS


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory):
    """An encoder of initial weights, for the words of the reviews."""
    folder = tmp_path_factory.mktemp("small") / "checkpoint"
    folder.mkdir()
    words = sorted({word for line in REVIEWS.read_text().lower().split("\n") for word in line.split()})
    words = [word for word in words if word.isalpha()]
    vocabulary = [*SPECIAL, *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "tokenizer_class": "BertTokenizer"}')
    config = EncoderConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        type_vocab_size=2,
        activation="gelu_erf",
    )
    (folder / "bert_config.json").write_text(json.dumps(bert_config(config, ())))
    tf_keras.utils.set_random_seed(0)
    tf.train.Checkpoint(model=task_model(config, "encoder")).write(str(folder / "bert_model.ckpt"))
    return folder
