"""A loaded module of encoder inputs, as the lines of its contract see it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.core.manifest import MANIFEST, read_manifest
from bertferry.core.tasks import ENCODER_INPUTS, TASKS, TaskSpec, task_spec
from bertferry.export.shared_contract_lines import is_for_inference, tolerance_of
from bertferry.modeling.tf_compat import LoadedModule

LENGTH = 6
RATES = ("hidden_dropout_prob", "attention_probs_dropout_prob")
"""Keys of a configuration."""


@dataclass(frozen=True)
class ModuleSubject:
    """A loaded module, the layer that calls it, and a batch of two rows, the second of which is padded; `drops` is
    whether training has dropout: ALBERT's configurations have none."""

    path: Path
    root: Any
    layer: Any
    task: TaskSpec
    inputs: dict[str, np.ndarray]
    drops: bool

    @classmethod
    def of(cls, path: Path, root: LoadedModule) -> "ModuleSubject":
        """Wraps a loaded module; its manifest, if it has one, states its task."""
        import tensorflow_hub as hub

        manifest = read_manifest(path)
        name = "encoder" if manifest is None else manifest.task
        if name not in TASKS:
            raise DataError(f"{path / MANIFEST}: unknown task {name!r}: expected one of {', '.join(TASKS)}")
        rng = np.random.default_rng(0)
        mask = np.array([[1] * LENGTH, [1] * (LENGTH - 2) + [0] * 2], np.int32)
        arrays = rng.integers(1, 20, mask.shape, np.int32) * mask, mask, np.zeros_like(mask)
        inputs = dict(zip(ENCODER_INPUTS, arrays, strict=True))
        own = manifest is not None and not any("pooler/" in variable.name for variable in root.variables)
        task = task_spec(name, pooler=not own)
        trainable = not is_for_inference(root.variables, root.trainable_variables)
        rates = {} if manifest is None else manifest.configuration
        drops = any(rates.get(key, 1) for key in RATES) or any(head.dropout for head in task.head_specs)
        return cls(path, root, hub.KerasLayer(root, trainable=trainable), task, inputs, drops)

    @property
    def tolerance(self) -> float:
        """The tolerance for the type of its weights."""
        return tolerance_of(self.root.variables)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs of the root call."""
        encoder = task_spec("encoder", pooler=self.task.pooler)
        return (encoder if self.task.encoder else self.task).output_names

    def whole(self) -> dict[str, tf.Tensor]:
        """Inputs of the function that computes the whole task."""
        positions = np.ones([len(self.inputs["input_mask"]), 1], np.int32)
        arrays = {**self.inputs, "masked_lm_positions": positions}
        return {name: tf.constant(arrays[name]) for name in self.task.input_names}

    def call(self, structure: Callable[[Any], Any] = dict, dtype: tf.DType = tf.int32, **options: Any) -> Any:  # noqa: ANN401 - outputs of any structure
        """Calls the root, on the batch or on other `inputs`."""
        inputs = options.pop("inputs", self.inputs)
        tensors = {name: tf.constant(array, dtype) for name, array in inputs.items()}
        return self.layer(tensors if structure is dict else structure(tensors.values()), **options)
