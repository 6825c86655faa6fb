"""Runs a Hugging Face directory in transformers and PyTorch, an independent implementation."""

from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bertferry.core.architectures import Architecture
from bertferry.core.errors import DataError, UnavailableError, UsageError, first_line
from bertferry.core.graph_names import graph_names
from bertferry.core.inner_outputs import inner_kinds
from bertferry.core.tasks import ENCODER_INPUTS, POSITIONS_INPUT, TRANSFORMERS_CLASSES, TaskSpec
from bertferry.verify.execution import FLOATS, Execution
from bertferry.verify.questions import as_questions, as_rows
from bertferry.verify.runner import Arrays

if TYPE_CHECKING:  # an extra
    import torch

ARGUMENTS = dict(zip(ENCODER_INPUTS, ("input_ids", "attention_mask", "token_type_ids"), strict=True))


class HuggingFaceRunner:
    """A task's model in PyTorch with dropout off; outputs are float32 in any precision."""

    shares_mask = False

    def __init__(self, path: Path, task: TaskSpec, execution: Execution, architecture: Architecture) -> None:
        self.name = str(path)
        self._task, self._architecture = task, architecture
        import torch
        import transformers

        self._torch = torch
        self._device = "cuda" if execution.device == "gpu" else "cpu"
        if self._device == "cuda" and not torch.cuda.is_available():
            raise UnavailableError(f"{execution.flag('device')} gpu: no GPU visible to PyTorch")
        torch.backends.cuda.matmul.allow_tf32 = execution.precision == "tf32"
        kind = getattr(transformers, self._class_name(), None)
        if kind is None:
            raise UsageError(f"{path}: transformers has no class {self._class_name()}", "choose another --task")
        has_choice = task.name == "encoder" and "add_pooling_layer" in signature(kind).parameters
        options: dict[str, Any] = {"add_pooling_layer": task.pooler} if has_choice else {}
        self._attentions = "attentions" in inner_kinds(task.output_names)
        if self._attentions:
            options["attn_implementation"] = "eager"  # the others return none
        try:
            model, loading_info = kind.from_pretrained(
                str(path), local_files_only=True, use_safetensors=True, output_loading_info=True, **options
            )
        except Exception as error:  # its errors have no common base class
            raise DataError(f"{path}: not a loadable Hugging Face model: {first_line(error)}") from error
        unused = ("cls.seq_relationship", "sop_classifier") if task.name == "mlm" else ()
        if missing := sorted(key for key in loading_info["missing_keys"] if not key.startswith(unused)):
            raise DataError(f"{path}: missing {', '.join(missing[:3])} (required by task {task.name})")
        dtype = getattr(torch, FLOATS[execution.precision or "fp32"])
        self._model = model.to(device=self._device, dtype=dtype).eval()

    def _class_name(self) -> str:
        heads = self._task.heads
        if "mlm" in heads and self._task.pooler:  # BertForMaskedLM has none
            heads = ("mlm", "nsp")
        return self._architecture.classes + TRANSFORMERS_CLASSES[heads]

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The task's outputs by name."""
        torch = self._torch
        taken = {name: inputs[name] for name in ARGUMENTS}
        if self._task.heads == ("choice",):
            taken = as_questions(taken)
        arguments = {theirs: self._tensor(taken[ours]) for ours, theirs in ARGUMENTS.items()}
        if not self._architecture.has_segments:
            del arguments["token_type_ids"]
        with torch.no_grad():
            result = self._model(**arguments, output_hidden_states=True, output_attentions=self._attentions)
            if not self._task.encoder:  # the heads of transformers use the same output names
                names = graph_names(replace(self._task, inner=()), "huggingface")
                own = (output.name for head in self._task.head_specs for output in head.outputs)
                outputs = {name: getattr(result, names[name]) for name in own}
            elif not self._task.heads:
                outputs = {"sequence_output": result.last_hidden_state}
                if self._task.pooler:
                    outputs["pooled_output"] = result.pooler_output
            else:
                outputs = self._pretraining_outputs(result, self._tensor(inputs[POSITIONS_INPUT]))
            for inner in self._task.inner:
                kind, number = inner.name.split(".")
                outputs[inner.name] = getattr(result, kind)[int(number)]
        arrays = {name: outputs[name].float().cpu().numpy() for name in self._task.output_names}
        return as_rows(arrays, len(inputs[ENCODER_INPUTS[0]])) if self._task.heads == ("choice",) else arrays

    def _pretraining_outputs(
        self,
        result: Any,  # noqa: ANN401 - transformers has one class of outputs per model
        positions: "torch.Tensor",
    ) -> dict[str, "torch.Tensor"]:
        """Those of a `ForPreTraining` of BERT or ALBERT, or of a `ForMaskedLM` without a pooler."""
        sequence = result.hidden_states[-1]
        logits = result.prediction_logits if self._task.pooler else result.logits
        rows = self._torch.arange(len(positions), device=self._device)[:, None]
        outputs = {"sequence_output": sequence, "mlm_logits": logits[rows, positions]}
        if self._task.pooler:
            encoder = self._model.base_model
            if self._architecture.name == "albert":  # whose pooler is a dense layer alone
                outputs["pooled_output"] = encoder.pooler_activation(encoder.pooler(sequence[:, 0]))
                outputs["nsp_logits"] = result.sop_logits
            else:
                outputs["pooled_output"] = encoder.pooler(sequence)
                outputs["nsp_logits"] = result.seq_relationship_logits
        return outputs

    def _tensor(self, array: np.ndarray) -> "torch.Tensor":
        return self._torch.tensor(array, dtype=self._torch.long, device=self._device)
