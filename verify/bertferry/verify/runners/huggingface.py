"""Runs a Hugging Face directory through transformers and PyTorch: somebody else's implementation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bertferry.core.errors import DataError, UnavailableError, first_line
from bertferry.core.tasks import ENCODER_INPUTS, POSITIONS_INPUT, TASKS, TRANSFORMERS_CLASSES
from bertferry.verify.execution import FLOATS, Execution
from bertferry.verify.runner import Arrays

if TYPE_CHECKING:  # an extra
    import torch

ARGUMENTS = dict(zip(ENCODER_INPUTS, ("input_ids", "attention_mask", "token_type_ids"), strict=True))


class HuggingFaceRunner:
    """A task's model in PyTorch, dropout off; its outputs are float32 in any precision."""

    shares_mask = False

    def __init__(self, path: Path, task: str, execution: Execution) -> None:
        self.name = str(path)
        self._task = TASKS[task]
        try:
            import torch
            import transformers
        except ImportError as error:
            raise UnavailableError(
                "PyTorch and transformers are not installed: pip install 'bertferry[torch]'"
            ) from error
        self._torch = torch
        self._device = "cuda" if execution.device == "gpu" else "cpu"
        if self._device == "cuda" and not torch.cuda.is_available():
            raise UnavailableError(f"{execution.flag('device')} gpu: no GPU visible to PyTorch")
        torch.backends.cuda.matmul.allow_tf32 = execution.precision == "tf32"
        options: dict[str, Any] = {"add_pooling_layer": True} if task == "encoder" else {}
        try:
            model, found = getattr(transformers, self._class_name()).from_pretrained(
                str(path), local_files_only=True, use_safetensors=True, output_loading_info=True, **options
            )
        except Exception as error:  # its errors share no class
            raise DataError(f"{path}: not a loadable Hugging Face model: {first_line(error)}") from error
        unused = ("cls.seq_relationship",) if task == "mlm" else ()
        if missing := sorted(key for key in found["missing_keys"] if not key.startswith(unused)):
            raise DataError(f"{path}: no {', '.join(missing[:3])} in it, which {task} needs")
        dtype = getattr(torch, FLOATS[execution.precision or "fp32"])
        self._model = model.to(device=self._device, dtype=dtype).eval()

    def _class_name(self) -> str:
        heads = ("mlm", "nsp") if "mlm" in self._task.heads else self._task.heads  # BertForMaskedLM has no pooler
        return f"Bert{TRANSFORMERS_CLASSES[heads]}"

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The task's outputs by name."""
        torch = self._torch
        given = {theirs: self._tensor(inputs[ours]) for ours, theirs in ARGUMENTS.items()}
        with torch.no_grad():
            answer = self._model(**given, output_hidden_states=True)
            if not self._task.encoder:  # transformers gives the outputs of its heads the same names
                outputs = {name: getattr(answer, name) for name in self._task.output_names}
            elif not self._task.heads:
                outputs = {"sequence_output": answer.last_hidden_state, "pooled_output": answer.pooler_output}
            else:
                words, rows = answer.prediction_logits, self._tensor(inputs[POSITIONS_INPUT])
                sequence = answer.hidden_states[-1]
                every = {
                    "sequence_output": sequence,
                    "pooled_output": self._model.bert.pooler(sequence),
                    "mlm_logits": words[torch.arange(len(rows), device=self._device)[:, None], rows],
                    "nsp_logits": answer.seq_relationship_logits,
                }
                outputs = {name: every[name] for name in self._task.output_names}
        return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}

    def _tensor(self, array: np.ndarray) -> "torch.Tensor":
        return self._torch.tensor(array, dtype=self._torch.long, device=self._device)
