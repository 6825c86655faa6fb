"""The source of an ONNX graph that is a checkpoint's task."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bertferry.convert import Checkpoint, SourceOptions
from bertferry.convert.configuration import bert_config
from bertferry.convert.heads import with_heads, with_parameters
from bertferry.core.errors import UsageError
from bertferry.core.extras import ONNX
from bertferry.core.graph_names import graph_names, graph_task
from bertferry.core.parameters import task_parameters
from bertferry.core.sentence import Sentence
from bertferry.core.tasks import EMBEDDINGS, GRAPH_TASKS, POSITIONS_INPUT
from bertferry.export.embedded_texts import embedded_texts
from bertferry.export.onnx.draft import Draft
from bertferry.export.onnx.options import OnnxOptions
from bertferry.verify.artifact import Artifact, checkpoint_artifact
from bertferry.verify.golden import read_inputs
from bertferry.verify.probes import Probe
from bertferry.verify.recording import Recording


class CheckpointSource:
    """A task over a checkpoint's parameters."""

    any_values = False
    stays_half = True
    needs: tuple[str, ...] = ONNX

    def __init__(
        self, checkpoint: Checkpoint, task: str, naming: str = "tensorflow", recording: Recording | None = None
    ) -> None:
        """`recording` is what the checkpoint's network returns, if that ran before."""
        self._recording = recording
        self.compares_less = recording is not None and task == EMBEDDINGS  # the encoder is published, too
        self.task = task
        checkpoint = with_heads(checkpoint, GRAPH_TASKS[task].heads)
        self._sentence = checkpoint.sentence if GRAPH_TASKS[task].poolings else None
        if self._sentence is not None:
            check_prompts(checkpoint.location.path, self._sentence)
        self.spec = graph_task(checkpoint.task(task), naming, checkpoint.config)
        self.graph_names = graph_names(self.spec, naming)
        self.standard_names: Mapping[str, str] = {own: name for name, own in self.graph_names.items()}
        self.returns_less = self.spec.output_names != checkpoint.task(task).output_names
        self._names = task_parameters(self.spec, checkpoint.config)
        self.checkpoint = with_parameters(checkpoint, self._names, f"task {task}")

    def check(self, options: OnnxOptions) -> None:
        """A checkpoint supports all options."""

    def interface(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The inputs and outputs of the task."""
        names = self.graph_names
        takes, returns = self.spec.input_names, self.spec.output_names
        return tuple(names[name] for name in takes if name in names), tuple(names[name] for name in returns)

    def draft(self, options: OnnxOptions) -> Draft:
        """The task's network, written from the parameters."""
        from bertferry.export.onnx.network import draft_network

        return draft_network(self.checkpoint, options)

    def dimensions(self) -> dict[str, Sequence[str | int]]:
        """The dimensions that the task declares."""
        sizes, everywhere = dict(self.checkpoint.sizes), POSITIONS_INPUT not in self.graph_names
        if self._sentence is not None:
            sizes["sentence"] = self._sentence.width(sizes["hidden"])
        shapes = {spec.name: spec.shape(sizes) for spec in (*self.spec.inputs, *self.spec.outputs)}
        return {
            own: ["sequence" if everywhere and size == "predictions" else size for size in shapes[name]]
            for name, own in self.graph_names.items()
        }

    def metadata(self) -> dict[str, str]:
        """Configuration, activation, and a hash over the fingerprints of the source's tensors."""
        digest = hashlib.sha256()
        source = self.checkpoint
        for name in self._names:
            initialized = name in source.initialized
            content = "initialized" if initialized else source.reader.fingerprint(source.stored_name(name))
            digest.update(f"{name} {content}\n".encode())
        return {
            "task": self.task,
            "source_layout": self.checkpoint.layout.name,
            "source_hash": f"sha256:{digest.hexdigest()}",
            "configuration": json.dumps(self._configuration(), sort_keys=True),
            **({} if self._sentence is None else {"sentence": json.dumps(self._sentence.facts(), sort_keys=True)}),
            "activation": self.checkpoint.config.activation,
        }

    def _configuration(self) -> dict[str, Any]:
        source = self.checkpoint
        return bert_config(source.config, GRAPH_TASKS[self.task].heads, source.classifier)

    def notes(self) -> tuple[str, ...]:
        """What was chosen among its files without being named."""
        return (*self.checkpoint.location.notes, *self.checkpoint.location.left_out)

    def artifact(self) -> Artifact:
        """The checkpoint's network, or what it returned."""
        if self._recording is not None:
            return self._recording.artifact(self.checkpoint.task(self.task).output_names)
        return checkpoint_artifact(self.checkpoint, self.task)

    def texts(self, artifact: Artifact) -> Sequence[Probe]:
        """Texts that it embeds, if it does and their ids are known."""
        return embedded_texts(self.checkpoint, self.task, artifact)

    def probes(self, options: OnnxOptions) -> Sequence[Probe]:
        """The standard probes, or those given."""
        return () if options.inputs is None else read_inputs(Path(options.inputs))


def check_stated(stated: SourceOptions, task: str) -> None:
    """Refuses what a user states about embeddings if the task returns none.

    Raises:
      UsageError: it would be ignored.
    """
    if stated.about_embeddings and task != EMBEDDINGS:
        raise UsageError(f"--pooling and --normalize are for --task {EMBEDDINGS}, not {task}")


def check_prompts(path: Path, sentence: Sentence) -> None:
    """Refuses to pool what only a text shows.

    Raises:
      UsageError: the pooling leaves prompts out.
    """
    if not sentence.include_prompt and any(sentence.prompts.values()):
        raise UsageError(
            f"{path}: its pooling leaves prompts out (include_prompt: false), and no input of a graph says where "
            "they end",
            "export the encoder, with --task encoder, and pool its outputs, or a module of strings",
        )
