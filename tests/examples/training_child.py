"""Trains a small classifier in processes that are killed, and prints what comes out of those that are not.

Usage: training_child.py SOURCE FOLDER KILL...

SOURCE is `network`, or a Hub module. The first run is undisturbed. Then for each KILL a run in a folder of its own
is killed, and another one goes on: at the beginning of a step, or (`best3`) when the best weights of step 3 have
been written, but no checkpoint that names them.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from training.batches import BatchOrder
from training.loop import Training, train
from training.options import TrainingOptions
from training.run_folder import RunFolder
from training.seeding import seed_everything

from bertferry.core.config import EncoderConfig
from bertferry.core.progress_bar import Progress
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.modeling.builders import classifier_model

OPTIONS = TrainingOptions(epochs=4, batch_size=8, learning_rate=3e-3, save_every=3)
CONFIG = EncoderConfig(
    vocab_size=30,
    hidden_size=8,
    num_layers=2,
    num_attention_heads=2,
    intermediate_size=12,
    max_position_embeddings=16,
    type_vocab_size=3,
    activation="gelu_tanh",
)
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, 36)
TEXTS = [
    RNG.integers(5, 17, length) + 12 * label for length, label in zip(RNG.integers(3, 12, 36), LABELS, strict=True)
]
STEPS = OPTIONS.epochs * -(-len(TEXTS) // OPTIONS.batch_size)


def batch(numbers):
    """Texts as wide as the longest of them, and their labels: the class is the half of the vocabulary."""
    ids, mask = np.zeros((2, len(numbers), max(len(TEXTS[number]) for number in numbers)), np.int32)
    for row, number in enumerate(numbers):
        ids[row, : len(TEXTS[number])], mask[row, : len(TEXTS[number])] = TEXTS[number], 1
    return dict(zip((*ENCODER_INPUTS, "label"), (ids, mask, 0 * ids, LABELS[numbers]), strict=True))


class KilledFolder(RunFolder):
    """A folder whose process is killed when the best weights of a step have been written."""

    kill_at: int | None = None

    def save_best(self, model, step):
        super().save_best(model, step)
        if step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def run(source, folder, kill=""):
    seed_everything(OPTIONS.seed)
    url = None if source == "network" else source
    model, _ = classifier_model(CONFIG, 2, None, hub_module_url=url, hub_module_dropout=False)
    order = BatchOrder([len(text) for text in TEXTS], OPTIONS.batch_size, OPTIONS.seed)
    everything = batch(np.arange(len(TEXTS)))

    def split(given):
        return {name: given[name] for name in ENCODER_INPUTS}, given["label"]

    def loss(given):
        inputs, labels = split(given)
        logits = model(inputs, training=True)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

    def evaluate():
        inputs, labels = split(everything)
        return {"accuracy": np.mean(model(inputs, training=False).numpy().argmax(axis=1) == labels)}

    def batch_of(step):
        if str(step) == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return batch(order.at(step))

    runs = KilledFolder(folder, {"source": source})
    runs.kill_at = int(kill.removeprefix("best")) if kill.startswith("best") else None
    training = Training(model, loss, batch_of, order.steps_per_epoch, evaluate, "accuracy")
    with Progress("training", lambda: sys.stderr, quiet=True) as progress:
        state = train(training, OPTIONS, runs, progress)
    weights = b"".join(variable.numpy().tobytes() for variable in model.trainable_variables)
    print(json.dumps([state.history, state.best_step, hashlib.sha256(weights).hexdigest()]), flush=True)


def in_process(*arguments):
    """Runs in a process of its own, which has imported everything already; returns the signal that ended it."""
    if (process := os.fork()) == 0:
        try:
            run(*arguments)
        finally:
            sys.stdout.flush()
            os._exit(0)
    return os.WTERMSIG(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    source, folder, *kills = sys.argv[1:]
    assert in_process(source, Path(folder) / "undisturbed") == 0
    for kill in kills:
        assert in_process(source, Path(folder) / kill, kill) == signal.SIGKILL, kill
        assert in_process(source, Path(folder) / kill) == 0
