"""Fine-tunes a classifier: from the source to the checkpoint with the best weights."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tf_keras
from training.batches import BatchOrder
from training.loop import Training, train
from training.run_folder import RunFolder, State
from training.seeding import seed_everything

from bertferry.core.errors import UsageError
from bertferry.core.progress_bar import Progress
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.verify.tokenization import SourceTokenizer
from classification.inputs import LABEL, EncodedTexts
from classification.job import Job
from classification.model import build_model, write_start, write_tuned

CHECKPOINT = "checkpoint"
"""The folder of the fine-tuned checkpoint in that of the output."""


def fine_tune(job: Job, run: RunFolder, progress: Progress) -> State:
    """Fine-tunes a classifier, or goes on with it, and writes the checkpoint; returns how it went.

    Raises:
      BertferryError: the source cannot be trained so, or the run's checkpoint is damaged.
    """
    progress("reading the source", 0, 2)
    seed_everything(job.options.seed)
    start = write_start(job, run.path / "start")
    module = job.path if job.is_module else None
    model, encoder = build_model(
        start,
        job.source.parameters,
        module,
        seed=job.options.seed,
        dropout=job.dropout,
        module_dropout=job.module_dropout,
    )
    if (reading := start.tokenizer_reading) is None:
        raise UsageError(f"{job.path}: no vocabulary (vocab.txt), nor another tokenizer, beside it")
    tokenizer = SourceTokenizer(reading.tokenizer, "fine-tuning")
    longest = reading.tokenizer.length(start.config.max_length, padded=False)
    encoded = {
        name: EncodedTexts(part, job.targets.numbers(part), tokenizer, longest) for name, part in job.parts.items()
    }
    progress("counting tokens", 1, 2)
    state = train(_training(job, model, encoded), job.options, run, progress.counting("batches"))
    write_tuned(start, model, encoder, job.output / CHECKPOINT)
    return state


def _training(job: Job, model: tf_keras.Model, encoded: Mapping[str, EncodedTexts]) -> Training:
    """The training on some texts, and the evaluation on others."""
    texts, validation, targets = encoded["train"], encoded["validation"], job.targets
    order = BatchOrder(texts.lengths(), job.options.batch_size, job.options.seed)
    loss_of = _cross_entropy if targets.names else _squared_error
    predict = _predictor(model)
    batches = validation.batches(validation.lengths())

    def loss(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return loss_of(batch[LABEL], model({name: batch[name] for name in ENCODER_INPUTS}, training=True))

    def evaluate() -> dict[str, float]:
        logits = np.empty((len(validation.numbers), targets.count), np.float32)
        for numbers, batch in batches:
            logits[numbers] = predict({name: batch[name] for name in ENCODER_INPUTS})
        return targets.results(logits, validation.numbers)

    return Training(
        model, loss, lambda step: texts.batch(order.at(step)), order.steps_per_epoch, evaluate, targets.score
    )


def _cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def _squared_error(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.math.squared_difference(labels, logits[:, 0]))


def _predictor(model: tf_keras.Model) -> tf.types.experimental.PolymorphicFunction:
    """The logits of inputs of any size; traced once."""
    signature = {name: tf.TensorSpec([None, None], tf.int32) for name in ENCODER_INPUTS}
    return tf.function(lambda inputs: model(inputs, training=False), input_signature=[signature], autograph=False)
