"""Artifacts of every kind from a random encoder, correct or with a planted fault."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
from code_faults import CodeFault, code_faults, plant
from family_faults import FamilyFault, family_faults
from graph_faults import plant_in_graphs
from output_faults import OutputFault, ShapeFault, VocabularyFault, output_faults
from random_checkpoint import write
from subjects import BERT, Subject
from weight_faults import WeightFault, masked_lm_faults, weight_faults

from bertferry.convert import ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.core.errors import DataError
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export import ModuleOptions, OnnxOptions, export_hub_module, export_onnx
from bertferry.verify.artifact import (
    Artifact,
    checkpoint_artifact,
    golden_artifact,
    huggingface_artifact,
    onnx_artifact,
    saved_model_artifact,
)
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts, loosest_profile
from bertferry.verify.execution import Execution
from bertferry.verify.golden import write_golden
from bertferry.verify.probes import standard_probes
from bertferry.verify.report import Report
from bertferry.verify.runner import Arrays, Inspectable
from bertferry.verify.stored_report import rejudge
from bertferry.verify.tolerance import PROFILES, Tolerance

Fault = WeightFault | CodeFault | FamilyFault | OutputFault | ShapeFault | VocabularyFault


def write_checkpoint(folder: Path, fault: Fault | None = None, subject: Subject = BERT) -> Path:
    """Writes a random encoder, with the fault if it is one of the weights or the vocabulary."""
    config, drawn = subject.config, subject.parameters()
    if isinstance(fault, WeightFault):
        config = fault.change(drawn) or config
    write(folder, config, drawn.items(), subject.layout, subject.heads)
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}\n')
    if isinstance(fault, VocabularyFault):
        words = (folder / "vocab.txt").read_text().splitlines()
        words[7], words[8] = words[8], words[7]
        (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return folder


def can_plant(family: str, fault: Fault | None, subject: Subject = BERT) -> bool:
    """Whether the fault is possible in a family's artifacts."""
    if family not in subject.families:
        return False
    if isinstance(fault, FamilyFault):
        return family in ("numpy", "onnx")
    if family in ("numpy", "keras"):
        return not isinstance(fault, ShapeFault)
    if family == "onnx":
        return not isinstance(fault, VocabularyFault)
    return family != "pytorch" or isinstance(fault, WeightFault | VocabularyFault | None)


def artifacts(
    family: str, fault: Fault | None, folder: Path, precision: str = "fp32", subject: Subject = BERT
) -> list[Artifact]:
    """Creates the artifacts of a family in `folder`, with the fault."""
    checkpoint = write_checkpoint(folder / "checkpoint", fault, subject)
    with _planted(family, fault):
        return list(_MAKERS[family](checkpoint, fault, folder, precision, subject.task))


def _planted(family: str, fault: Fault | None) -> AbstractContextManager[Any]:
    """Plants a fault of the computation where a family's artifacts are made; in NumPy it is when they run."""
    if family == "onnx" and isinstance(fault, CodeFault | FamilyFault):
        return plant_in_graphs(fault.graph)
    return plant(fault) if family in ("keras", "module") and isinstance(fault, CodeFault) else nullcontext()


def _numpy(checkpoint: Path, fault: Fault | None, folder: Path, precision: str, task: str) -> Iterator[Artifact]:
    if precision != "fp32":
        return
    artifact = checkpoint_artifact(open_checkpoint(checkpoint), task, Execution(engine="numpy"))
    if isinstance(fault, CodeFault | FamilyFault | OutputFault):
        yield replace(artifact, open=lambda: FaultyRunner(artifact, fault))
    else:
        yield artifact


class FaultyRunner:
    """The NumPy network with a fault of its code or of its outputs."""

    def __init__(self, artifact: Artifact, fault: CodeFault | FamilyFault | OutputFault) -> None:
        self._sound, self._fault = artifact.open(), fault
        self.name, self.shares_mask = self._sound.name, self._sound.shares_mask

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The wrong outputs."""
        with self._planted():
            outputs = self._sound.run(inputs)
        if isinstance(self._fault, OutputFault):
            return {name: np.asarray(tensor) for name, tensor in self._fault.tensors(outputs).items()}
        return outputs

    def points(self, inputs: Arrays, given: Arrays | None = None) -> dict[str, np.ndarray]:
        """The intermediate values."""
        assert isinstance(self._sound, Inspectable)
        with self._planted():
            return self._sound.points(inputs, given)

    def _planted(self) -> ExitStack:
        stack = ExitStack()
        if isinstance(self._fault, CodeFault | FamilyFault):
            self._fault.numpy(stack)
        return stack


def _keras(checkpoint: Path, fault: Fault | None, folder: Path, precision: str, task: str) -> Iterator[Artifact]:
    execution = Execution(precision=precision, engine="tensorflow")
    artifact = checkpoint_artifact(open_checkpoint(checkpoint), task, execution)
    with _patch_outputs(fault) if isinstance(fault, OutputFault) else nullcontext():
        runner = artifact.open()
    yield replace(artifact, open=lambda: runner)
    if isinstance(fault, VocabularyFault):
        return  # stored outputs have no vocabulary
    probes = standard_probes(artifact.limits)
    stored = folder / "stored.npz"
    write_golden(stored, probes, [runner.run(probe.inputs) for probe in probes])
    yield replace(golden_artifact(stored), profile=artifact.profile)


def _patch_outputs(fault: OutputFault) -> AbstractContextManager[Any]:
    """Plants the fault in the outputs of checkpoints that are opened in the context; they keep it afterwards."""
    from bertferry.verify.runners.keras_network import KerasNetworkRunner

    original = KerasNetworkRunner.outputs
    return patch.object(KerasNetworkRunner, "outputs", lambda *arguments: fault.tensors(original(*arguments)))


def _modules(checkpoint: Path, fault: Fault | None, folder: Path, precision: str, task: str) -> Iterator[Artifact]:
    module = folder / "module"
    export_hub_module(checkpoint, module, ModuleOptions(task=task, precision=precision, verify=False))
    if isinstance(fault, OutputFault | ShapeFault):
        module = _wrap(module, fault, folder / "wrapped")
    for kind in ("hub", "savedmodel"):
        yield saved_model_artifact(module, kind, task=task)


def _wrap(module: Path, fault: OutputFault | ShapeFault, path: Path) -> Path:
    """Wraps a correct SavedModel in a faulty one."""
    import tensorflow as tf

    shape: list[int | None] = [None, None]
    if isinstance(fault, ShapeFault):
        shape[fault.axis] = fault.size
    specs = {name: tf.TensorSpec(shape, tf.int32, name) for name in ENCODER_INPUTS}
    root = tf.train.Checkpoint()
    root.inner = tf.saved_model.load(str(module))

    @tf.function(input_signature=[specs])
    def call(inputs):
        outputs = root.inner.signatures["serving_default"](**inputs)
        return fault.tensors(outputs) if isinstance(fault, OutputFault) else outputs

    @tf.function(input_signature=list(specs.values()))
    def serve(*tensors):
        return call(dict(zip(specs, tensors, strict=True)))

    root.__call__ = call
    root.variables = root.trainable_variables = root.regularization_losses = []
    tf.saved_model.save(root, str(path), signatures={"serving_default": serve})
    return path


def _graphs(checkpoint: Path, fault: Fault | None, folder: Path, precision: str, task: str) -> Iterator[Artifact]:
    path = folder / "model.onnx"
    options = OnnxOptions(task=task, precision=precision, names="tensorflow", verify=False)
    export_onnx(path, options, checkpoint=checkpoint)
    if isinstance(fault, OutputFault | ShapeFault):
        model = onnx.load(str(path))
        if isinstance(fault, OutputFault):
            fault.graph(model.graph)
        else:
            for value in model.graph.input:
                value.type.tensor_type.shape.dim[fault.axis].dim_value = fault.size
        onnx.save(model, str(path))
    yield onnx_artifact(path)


def _pytorch(checkpoint: Path, fault: Fault | None, folder: Path, precision: str, task: str) -> Iterator[Artifact]:
    path = folder / "huggingface"
    convert_checkpoint(checkpoint, path, ConversionOptions(to="huggingface"))
    yield huggingface_artifact(open_checkpoint(path), task, Execution(precision=precision))


_MAKERS = {"numpy": _numpy, "keras": _keras, "module": _modules, "onnx": _graphs, "pytorch": _pytorch}


def every_fault(subject: Subject = BERT) -> list[Fault]:
    """The whole table of an encoder."""
    config, pooled = subject.config, subject.has_pooler
    code = [
        fault
        for fault in code_faults(config)
        if {"": True, "pooler": pooled, "segments": config.type_vocab_size > 1}[fault.needs]
    ]
    faults: list[Fault] = [*weight_faults(config), *code, *family_faults(config, subject.heads)]
    faults += [*(masked_lm_faults() if "mlm" in subject.heads else ()), *output_faults(pooled=pooled)]
    if not pooled:
        faults = [fault for fault in faults if fault.culprit != "pooler"]
    if subject is not BERT:  # whose tokenizer has a vocabulary of word pieces
        faults = [fault for fault in faults if not isinstance(fault, VocabularyFault)]
    return faults


def compare_pair(reference: Artifact, candidate: Artifact, task: str = "encoder") -> Report:
    """Compares two artifacts like `verify-parity --localize`."""
    tolerance = PROFILES[loosest_profile([reference, candidate])]
    return compare_artifacts(reference, [candidate], Judgment(tolerance, task=task, localize=True))


def agrees(reference: Artifact, candidate: Artifact, task: str = "encoder") -> bool:
    """Whether two artifacts agree; one that cannot be opened (random operations in half precision) does not."""
    try:
        return compare_pair(reference, candidate, task).ok
    except DataError:
        return False


def double(tolerance: Tolerance) -> Tolerance:
    """The tolerance with twice the differences and half the signal-to-noise ratio (6 dB)."""
    return replace(
        tolerance,
        atol=2 * tolerance.atol,
        rtol=2 * tolerance.rtol,
        min_sqnr_db=None if tolerance.min_sqnr_db is None else tolerance.min_sqnr_db - 6,
    )


def effect(report: Report) -> float:
    """The largest difference of a report's only candidate; NaN if values could not be compared."""
    diffs = [diff for probe in report.candidates[0].probes for diff in probe.diffs]
    return max((diff.statistics.max_abs for diff in diffs if diff.statistics), default=float("nan"))


def exceeds(report: Report, tolerance: Tolerance) -> bool:
    """Whether a report would disagree under twice the tolerance."""
    return not rejudge(report, double(tolerance), {}).ok
