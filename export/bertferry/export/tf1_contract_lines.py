"""The contract of modules in TF1 format, whose interface are signatures.

https://www.tensorflow.org/hub/tf1_hub_module, and the BERT modules /1 on tfhub.dev, written by
https://github.com/google-research/bert: `tokens` and `mlm` compute, `tokenization_info` tells how to tokenize.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bertferry.convert import Checkpoint
from bertferry.core.tasks import ENCODER_INPUTS, POSITIONS_INPUT
from bertferry.export.contract import Line
from bertferry.export.shared_contract_lines import check_local_paths, require, sample, tolerance_of
from bertferry.modeling.tf_compat import LoadedModule
from bertferry.verify.runner import Arrays
from bertferry.verify.runners.numpy_network import NumpyNetworkRunner

FORMAT = b"\x08\x03"
"""What `tfhub_module.pb` contains: version 3 of the format, as protocol buffers write it."""
NAMES = dict(zip(("input_ids", "input_mask", "segment_ids"), ENCODER_INPUTS, strict=True))
"""Inputs of `tokens`, and their names here."""
POSITIONS = "mlm_positions"
FEW_ROWS = (1, 3)
"""Another batch and length than the first call has."""


@dataclass(frozen=True)
class Tf1Subject:
    """A loaded module, the checkpoint of its weights, and a batch of two rows, the second of which is padded."""

    path: Path
    root: Any
    checkpoint: Checkpoint
    inputs: dict[str, np.ndarray]

    @classmethod
    def of(cls, path: Path, root: LoadedModule, checkpoint: Checkpoint) -> "Tf1Subject":
        """Wraps a loaded module."""
        length = min(6, checkpoint.config.max_position_embeddings)
        mask = np.array([[1] * length, [1] * (length - 1) + [0]], np.int32)
        ids = np.random.default_rng(0).integers(1, checkpoint.config.vocab_size, mask.shape, np.int32)
        return cls(path, root, checkpoint, dict(zip(NAMES, (ids * mask, mask, np.zeros_like(mask)), strict=True)))

    @property
    def tolerance(self) -> float:
        """The tolerance for the type of its weights."""
        return tolerance_of(self.root.variables)

    def call(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Calls a signature."""
        require(signature in self.root.signatures, f"no such signature: it has {sample(self.root.signatures)}")
        outputs = self.root.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    @cached_property
    def tokens(self) -> dict[str, np.ndarray]:
        """The outputs of `tokens` for the batch."""
        return self.call("tokens", self.inputs)

    def expected(self, task: str, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """What the module's weights compute."""
        ours = {NAMES.get(name, POSITIONS_INPUT): value for name, value in inputs.items()}
        return NumpyNetworkRunner(self.checkpoint, task).run(ours)


def check_format(subject: Tf1Subject) -> None:
    content = (subject.path / "tfhub_module.pb").read_bytes()
    require(content == FORMAT, f"it contains {content[:8].hex(' ')}")


def check_inputs(subject: Tf1Subject) -> None:
    subject.call("tokens", subject.inputs)
    specs = subject.root.signatures["tokens"].structured_input_signature[1]
    require(set(specs) == set(NAMES), f"it takes {sample(sorted(specs))}")
    for name, spec in specs.items():
        fits = spec.dtype == tf.int32 and spec.shape.is_compatible_with([None, None])
        require(fits and not any(spec.shape), f"{name} is {spec.dtype.name} {spec.shape}")


def check_outputs(subject: Tf1Subject) -> None:
    size, shape = subject.checkpoint.config.hidden_size, subject.inputs["input_ids"].shape
    for name, expected in (("sequence_output", (*shape, size)), ("pooled_output", (shape[0], size))):
        require(name in subject.tokens, f"missing {name}")
        value = subject.tokens[name]
        require(value.shape == expected, f"{name} has shape {list(value.shape)}, expected {list(expected)}")
        require(bool(np.isfinite(value).all()), f"{name} is not finite")


def check_shapes(subject: Tf1Subject) -> None:
    rows, length = FEW_ROWS
    whole = np.ones((rows, length), np.int32)
    outputs = subject.call("tokens", {"input_ids": whole, "input_mask": whole, "segment_ids": whole * 0})
    require(outputs["sequence_output"].shape[:2] == (rows, length), f"[{rows}, {length}] is not accepted")


def check_padding(subject: Tf1Subject) -> None:
    last = {name: value[1:, :-1] for name, value in subject.inputs.items()}
    alone = subject.call("tokens", last)["sequence_output"]
    worst = float(np.abs(subject.tokens["sequence_output"][1:, :-1] - alone).max())
    require(worst <= subject.tolerance, f"without its padding a row differs by {worst:.1e}")


def check_weights(subject: Tf1Subject) -> None:
    for name, value in subject.expected("encoder", subject.inputs).items():
        worst = float(np.abs(subject.tokens[name] - value).max())
        require(worst <= subject.tolerance, f"{name} differs by {worst:.1e} from BERT with its weights")


def check_masked_lm(subject: Tf1Subject) -> None:
    has_head = "mlm" in subject.checkpoint.heads
    require(has_head == ("mlm" in subject.root.signatures), "has either the weights or the signature, not both")
    if not has_head:
        return
    inputs = {**subject.inputs, POSITIONS: np.array([[0, 2], [1, 0]], np.int32)}
    got, expected = subject.call("mlm", inputs), subject.expected("mlm", inputs)["mlm_logits"]
    require("mlm_logits" in got, "missing mlm_logits")
    worst = float(np.abs(got["mlm_logits"].reshape(expected.shape) - expected).max())
    require(worst <= subject.tolerance, f"mlm_logits differ by {worst:.1e} from BERT with its weights")


def check_tokenization(subject: Tf1Subject) -> None:
    info = subject.call("tokenization_info", {})
    require("vocab_file" in info, "missing vocab_file")
    require("do_lower_case" in info, "missing do_lower_case")
    require(info["do_lower_case"].dtype == bool, f"do_lower_case is {info['do_lower_case'].dtype}")
    require(subject.checkpoint.vocabulary is not None, "no vocabulary in assets")


def check_layer(subject: Tf1Subject) -> None:
    import tensorflow_hub as hub

    options = {"signature": "tokens", "signature_outputs_as_dict": True, "tags": []}
    outputs = hub.KerasLayer(str(subject.path), **options)(
        {name: tf.constant(value) for name, value in subject.inputs.items()}
    )
    require(np.array_equal(outputs["pooled_output"], subject.tokens["pooled_output"]), "it returns something else")


COMPUTATION_LINES: tuple[Line, ...] = (
    ("tokens computes BERT with the module's weights", check_weights),
    ("mlm computes the masked-LM head, if there is one", check_masked_lm),
)
"""What an upgrade takes for granted."""
TF1_LINES: tuple[Line, ...] = (
    ("tfhub_module.pb states version 3 of the format", check_format),
    ("tokens takes input_ids, input_mask, segment_ids, int32 [batch, sequence]", check_inputs),
    ("tokens returns sequence_output and pooled_output", check_outputs),
    ("tokens accepts any batch and length", check_shapes),
    ("padding does not change the other tokens", check_padding),
    *COMPUTATION_LINES,
    ("tokenization_info states the vocabulary and its casing", check_tokenization),
    ("hub.KerasLayer calls the signature", check_layer),
    ("no file contains a path of the exporting machine", check_local_paths),
)
