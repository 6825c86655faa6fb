"""Trains a model: steps, evaluation after every epoch, early stopping, checkpoints from which it goes on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tf_keras

from bertferry.core.errors import DataError
from bertferry.core.progress_bar import Progress
from training.logs import Logs
from training.optimizer import make_optimizer
from training.options import TrainingOptions
from training.run_folder import RunFolder, State
from training.seeding import dropout_generators, seed_step

Batch = Mapping[str, np.ndarray]
LOGGED_EVERY = 10
"""Steps between losses in the logs."""


@dataclass(frozen=True)
class Training:
    """What is trained on what.

    Attributes:
      model: built after `seed_everything`; its trainable variables are trained.
      loss: the loss of a batch of tensors, a scalar; it calls the model with `training=True`.
      batch: the batch of a step counted from 0 through all epochs: a pure function of the step. Its arrays have
        the same names and ranks in every step, and any sizes.
      steps_per_epoch: how many steps are an epoch.
      evaluate: results by name, after an epoch.
      score: the name of the one that is to become large: the weights with which it is largest are kept.
    """

    model: tf_keras.Model
    loss: Callable[[Mapping[str, tf.Tensor]], tf.Tensor]
    batch: Callable[[int], Batch]
    steps_per_epoch: int
    evaluate: Callable[[], Mapping[str, float]]
    score: str


def train(training: Training, options: TrainingOptions, run: RunFolder, progress: Progress) -> State:
    """Trains the model, or goes on where a run was interrupted; the model then has its best weights.

    Prints one line per epoch, and writes the losses, rates and results for TensorBoard.

    Raises:
      DataError: a loss that is no number, or a damaged checkpoint.
    """
    model, total = training.model, options.epochs * training.steps_per_epoch
    optimizer = make_optimizer(options, total)
    optimizer.build(model.trainable_variables)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    state = run.resume(checkpoint)
    if state.step:
        progress.print(f"going on after step {state.step} of {total}")
    logs = Logs(run.logs)
    take_step = _step_function(training, options, optimizer)
    while not state.finished:
        progress(
            f"training, epoch {state.step // training.steps_per_epoch + 1} of {options.epochs}", state.step, total
        )
        loss = float(take_step(tf.constant(state.step, tf.int64), training.batch(state.step)))
        if not math.isfinite(loss):
            raise DataError(f"the loss of step {state.step + 1} is {loss}: a lower --learning-rate may help")
        state.step += 1
        state.losses += loss
        rate = float(optimizer.learning_rate)
        if state.step % LOGGED_EVERY == 0:
            logs.write(state.step, {"loss": loss, "rate": rate})
        if state.step % training.steps_per_epoch == 0:
            progress("evaluating", state.step, total)
            _end_epoch(training, options, run, state, rate)
            progress.print(describe_epoch(state.history[-1], options.epochs, best=not state.waiting))
            logs.write(state.step, {f"epoch/{name}": value for name, value in state.history[-1].items()})
        elif state.step % options.save_every:
            continue
        progress("saving a checkpoint", state.step, total)
        run.save(checkpoint, state)
    run.restore_best(model, state)
    return state


def _step_function(
    training: Training, options: TrainingOptions, optimizer: tf_keras.optimizers.Optimizer
) -> Callable[[tf.Tensor, Batch], tf.Tensor]:
    """A function of step and batch that updates the variables and returns the loss; traced once for all sizes."""
    generators = dropout_generators(training.model)
    variables = training.model.trainable_variables
    first = training.batch(0)
    signature = {name: tf.TensorSpec([None] * array.ndim, array.dtype) for name, array in first.items()}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64), signature], autograph=False)
    def take_step(step: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        seed_step(generators, options.seed, step)
        with tf.GradientTape() as tape:
            loss = training.loss(batch)
        gradients = zip(tape.gradient(loss, variables), variables, strict=True)
        used = [(_dense(gradient), variable) for gradient, variable in gradients if gradient is not None]
        clipped, _ = tf.clip_by_global_norm([gradient for gradient, _ in used], options.clip_norm)
        optimizer.apply_gradients(zip(clipped, [variable for _, variable in used], strict=True))
        return loss

    return take_step


def _dense(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
    """A gradient as one tensor: the norm of slices is that of the gradient only if no row occurs twice."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, gradient.dense_shape[0])


def _end_epoch(training: Training, options: TrainingOptions, run: RunFolder, state: State, rate: float) -> None:
    """Evaluates the model, notes the results, and keeps its weights if they are the best."""
    epoch = state.step // training.steps_per_epoch
    results = {name: float(value) for name, value in training.evaluate().items()}
    state.history.append(
        {"epoch": epoch, "loss": state.losses / training.steps_per_epoch, "rate": rate, **results}
    )
    state.losses, state.waiting = 0.0, state.waiting + 1
    if state.best_step is None or results[training.score] > state.best_score:
        state.best_step, state.best_score, state.waiting = state.step, results[training.score], 0
        run.save_best(training.model, state.step)
    state.finished = epoch == options.epochs or 0 < options.patience <= state.waiting


def describe_epoch(record: Mapping[str, float], epochs: int, *, best: bool) -> str:
    """One line about an epoch."""
    results = ", ".join(
        f"{name} {value:.4f}" for name, value in record.items() if name not in ("epoch", "loss", "rate")
    )
    line = (
        f"epoch {record['epoch']:.0f} of {epochs}: loss {record['loss']:.4f}, rate {record['rate']:.2e}, {results}"
    )
    return f"{line} (best)" if best else line
