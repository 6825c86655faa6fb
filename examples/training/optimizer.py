"""AdamW as BERT is fine-tuned with it: warm-up and linear decay, no weight decay of norms and biases."""

import re
from typing import Any

import tensorflow as tf
import tf_keras

from training.options import TrainingOptions

NOT_DECAYED = r"(^|[/._])(bias|gamma|beta)(_\d+)?(:\d+)?$"
"""Names of biases, and of scales and shifts of norms: in networks here, and in Hub modules of any origin."""
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-6
"""As in 2019 (google-research/bert, optimization.py)."""


class WarmUpAndDecay(tf_keras.optimizers.schedules.LearningRateSchedule):
    """The rate of a step: rises from 0 in the first `warmup_steps`, then falls to 0 at `total_steps`.

    The formula is that of `get_linear_schedule_with_warmup` in transformers.
    """

    def __init__(self, highest: float, warmup_steps: int, total_steps: int) -> None:
        self.highest, self.warmup_steps, self.total_steps = highest, warmup_steps, total_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of a step, counted from 0."""
        step = tf.cast(step, tf.float32)
        rising = step / max(1, self.warmup_steps)
        falling = (self.total_steps - step) / max(1, self.total_steps - self.warmup_steps)
        return self.highest * tf.where(step < self.warmup_steps, rising, tf.maximum(falling, 0.0))

    def get_config(self) -> dict[str, Any]:
        """Its arguments, for Keras."""
        return {"highest": self.highest, "warmup_steps": self.warmup_steps, "total_steps": self.total_steps}


def make_optimizer(options: TrainingOptions, total_steps: int) -> tf_keras.optimizers.Optimizer:
    """AdamW for a run of `total_steps`; gradients are clipped by the loop."""
    warmup_steps = int(options.warmup * total_steps)
    optimizer = tf_keras.optimizers.AdamW(
        WarmUpAndDecay(options.learning_rate, warmup_steps, total_steps),
        weight_decay=options.weight_decay,
        beta_1=BETA_1,
        beta_2=BETA_2,
        epsilon=EPSILON,
    )
    optimizer.exclude_from_weight_decay(var_names=[NOT_DECAYED])
    return optimizer


def is_decayed(name: str) -> bool:
    """Whether a variable of this name is subject to weight decay."""
    return re.search(NOT_DECAYED, name) is None
