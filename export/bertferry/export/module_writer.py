"""Writes the module of a task and its ONNX files, and compares them with their source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bertferry.convert import Checkpoint
from bertferry.convert.layouts.saved_model import variable_name
from bertferry.core import axes
from bertferry.core.casting import cast
from bertferry.core.config import EncoderConfig
from bertferry.core.errors import DataError
from bertferry.core.parameters import canonical_axes, task_parameters
from bertferry.core.progress import ProgressCallback
from bertferry.core.sentence import Sentence
from bertferry.core.tasks import TASKS, TaskSpec, task_spec
from bertferry.core.temporary import TemporaryFolder
from bertferry.export.onnx.checkpoint_source import CheckpointSource
from bertferry.export.onnx.options import OnnxOptions
from bertferry.export.onnx.parity_check import QUICK_PROBES, check_parity
from bertferry.export.options import MODULE_PRECISIONS, ONNX_FILES
from bertferry.export.origin import OriginRunner
from bertferry.export.text_assets import TextAssets
from bertferry.verify import PROFILES, Report
from bertferry.verify.artifact import Artifact, checkpoint_artifact, saved_model_artifact
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts
from bertferry.verify.recording import Recording, record

if TYPE_CHECKING:  # a wrong flag must be reported without loading TensorFlow
    import tensorflow as tf

    from bertferry.verify.runners.saved_model import HubRunner, SignatureRunner

Runners: TypeAlias = "tuple[HubRunner, SignatureRunner]"
"""A loaded module as a layer and by its signature."""


@dataclass(frozen=True)
class Module:
    """The module to export: a task over a checkpoint's parameters, some of them frozen, with assets.

    `target` is the directory to create; `origin` is the module from which the parameters come, if any; `recording`
    is what the source's network returns, if that ran before.
    """

    source: Checkpoint
    task: str
    target: Path
    precision: str
    frozen: frozenset[str]
    assets: TextAssets | None
    origin: Path | None = None
    sentence: Sentence | None = None
    recording: Recording | None = None

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of its task; text modules have none."""
        return TASKS[self.task].heads if self.task in TASKS else ()

    @property
    def spec(self) -> TaskSpec:
        """What its encoder computes, or what it computes if its task is not one of text."""
        return self.source.task(self.task if self.task in TASKS else "encoder")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Canonical names of the module's parameters."""
        return needed_parameters(self.task, self.spec, self.source.config, self.sentence)


def needed_parameters(
    kind: str, task: TaskSpec, config: EncoderConfig, sentence: Sentence | None
) -> tuple[str, ...]:
    """Canonical names of the parameters on which the outputs of a module of a kind depend."""
    if kind == "preprocessing":
        return ()
    if sentence is not None:
        task = task_spec("encoder", pooler="pooled" in sentence.poolings)
    return task_parameters(task, config)


def write_module(directory: Path, module: Module) -> None:
    """Builds the module from the checkpoint's values and saves it."""
    import tensorflow as tf

    from bertferry.export.hub_module import build_hub_module
    from bertferry.modeling.tf_compat import trace_for_saving

    source, assets, options = module.source, module.assets, tf.saved_model.SaveOptions()
    parameters = variables(module)
    with trace_for_saving(options):
        built, signatures = build_hub_module(
            source.config,
            parameters,
            module.task,
            assets.vocabulary if assets else None,
            assets.do_lower_case if assets else None,
            source.inner,
        )
    save(built, directory, signatures, options, assets)


def stored_value(module: Module, name: str) -> np.ndarray:
    """The source's value of a parameter, in the module's type."""
    value = module.source.read(name, canonical_axes(name))
    return cast(value, MODULE_PRECISIONS[module.precision], name, "keep --precision fp32")


def variables(module: Module) -> dict[str, Any]:
    """One `tf.Variable` per parameter, with the source's value in the module's type.

    Those in half precision are not trainable: an update is smaller than the distance of most to the next number,
    and the gradients of float16 vanish without a scaled loss.
    """
    import tensorflow as tf

    return {
        name: tf.Variable(
            stored_value(module, name),
            name=variable_name(name, module.source.config.architecture),
            trainable=module.precision == "fp32" and name not in module.frozen,
        )
        for name in module.parameters
    }


def save(
    built: "tf.train.Checkpoint",
    directory: Path,
    signatures: dict[str, Any],
    options: "tf.saved_model.SaveOptions | None" = None,
    assets: TextAssets | None = None,
) -> None:
    """Saves an object with the files of its tokenizer, reproducibly: saving it again gives the same bytes."""
    import tensorflow as tf

    from bertferry.export.saved_model_files import make_reproducible
    from bertferry.export.system_errors import system_errors

    with system_errors(), TemporaryFolder() as folder:
        if assets is not None:  # as assets of the object, they stay with a model that contains the module
            built.tokenizer_files = [tf.saved_model.Asset(str(path)) for path in assets.write_tokenizer(folder)]
        tf.saved_model.save(built, str(directory), signatures=signatures, options=options)
        make_reproducible(directory)


def write_onnx_files(
    directory: Path, module: Module, precisions: Sequence[str], *, verify: bool
) -> tuple[str, ...]:
    """Writes the task as ONNX in each precision and compares each file with the source; returns the verdicts.

    Raises:
      DataError: one of them does not compute what the source computes.
    """
    if not precisions:
        return ()
    from bertferry.export.onnx.build import build, write

    directory.mkdir()
    source = CheckpointSource(module.source, module.task)
    verdicts = []
    for precision in precisions:
        options = OnnxOptions(module.task, precision=precision)
        path = directory / ONNX_FILES[precision]
        write(path, build(source, options), options)
        target = module.target / directory.name / path.name
        parity = check_parity(source, path, target, options) if verify else None
        if parity is not None and not parity.ok:
            raise DataError(f"{path.name}: not written: the graph differs from its source: {parity.verdict()}")
        if parity is not None:
            verdicts.append(f"{directory.name}/{path.name}: {parity.verdict()}")
    return tuple(verdicts)


def record_source(module: Module) -> Recording | None:
    """Runs the network of the source, if that was not done before and no other module takes its place."""
    if module.recording is not None or module.origin is not None:
        return module.recording
    return record(checkpoint_artifact(module.source, module.task), module.task)


def load_runners(directory: Path, task: str) -> Runners:
    """The module as a layer, and its signature, which calls the same function; it is loaded once."""
    from bertferry.verify.runners.saved_model import HubRunner, SignatureRunner

    layer = HubRunner(directory, task)
    signature = SignatureRunner(directory, loaded=layer.loaded)
    layer.shares_mask = signature.shares_mask = True
    return layer, signature


def check_module(
    module: Module,
    directory: Path,
    progress: ProgressCallback | None = None,
    load: Callable[[Path, str], Runners] = load_runners,
) -> Report:
    """Compares the written module with the source by `hub.KerasLayer`, and on a few probes by signature."""
    runners = cache(partial(load, directory, module.task))
    if module.recording is not None:
        reference = module.recording.artifact(module.spec.output_names)
    else:
        reference = checkpoint_artifact(module.source, module.task)
    if module.origin is not None:  # compare with what it computes, not with our reading of its variables
        origin, network = saved_model_artifact(module.origin, "hub", task=module.task), reference
        reference = replace(
            origin,
            open=lambda: OriginRunner(origin.open(), network.open, module.spec),
            limits=reference.limits,
        )
    return compare_artifacts(
        reference,
        [
            Artifact(f"hub {module.target}", lambda: runners()[0]),
            Artifact(f"savedmodel {module.target}", lambda: runners()[1], only=QUICK_PROBES),
        ],
        Judgment(PROFILES[module.precision], task=module.task),
        progress=progress,
    )


def weight_bytes(module: Module) -> int:
    """Size of the module's weights in bytes."""
    width = 4 if module.precision == "fp32" else 2
    sizes = module.source.sizes
    return width * sum(prod(axes.shape(canonical_axes(name), sizes)) for name in module.parameters)
