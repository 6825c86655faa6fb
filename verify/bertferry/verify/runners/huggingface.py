"""Runs a Hugging Face directory through transformers and PyTorch: somebody else's implementation."""

from pathlib import Path
from typing import Any

import numpy as np

from bertferry.core.errors import DataError, UnavailableError, first_line
from bertferry.verify.execution import FLOATS, Execution
from bertferry.verify.runner import Arrays
from bertferry.verify.signature import ENCODER_INPUTS, POSITIONS_INPUT, gives_encoder_outputs

CLASSES = {
    "encoder": "BertModel",
    "mlm": "BertForPreTraining",  # BertForMaskedLM has no pooler
    "pretrainer": "BertForPreTraining",
    "classifier": "BertForSequenceClassification",
    "span": "BertForQuestionAnswering",
}
"""What transformers calls a task's network."""
ARGUMENTS = dict(zip(ENCODER_INPUTS, ("input_ids", "attention_mask", "token_type_ids"), strict=True))


class HuggingFaceRunner:
    """A task's model in PyTorch, dropout off; its outputs are float32 in any precision."""

    shares_mask = False

    def __init__(self, path: Path, task: str, execution: Execution) -> None:
        self.name = str(path)
        self._task = task
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
            model, found = getattr(transformers, CLASSES[task]).from_pretrained(
                str(path), local_files_only=True, output_loading_info=True, **options
            )
        except Exception as error:  # its errors share no class
            raise DataError(f"{path}: not a loadable Hugging Face model: {first_line(error)}") from error
        unused = ("cls.seq_relationship",) if task == "mlm" else ()
        if missing := sorted(key for key in found["missing_keys"] if not key.startswith(unused)):
            raise DataError(f"{path}: no {', '.join(missing[:3])} in it, which {task} needs")
        dtype = getattr(torch, FLOATS[execution.precision or "fp32"])
        self._model = model.to(device=self._device, dtype=dtype).eval()

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The task's outputs by name."""
        torch = self._torch
        given = {theirs: self._tensor(inputs[ours]) for ours, theirs in ARGUMENTS.items()}
        with torch.no_grad():
            answer = self._model(**given, output_hidden_states=True)
            outputs: dict[str, Any] = {}
            if gives_encoder_outputs(self._task):
                outputs["sequence_output"] = (
                    answer.last_hidden_state if self._task == "encoder" else answer.hidden_states[-1]
                )
            if self._task == "encoder":
                outputs["pooled_output"] = answer.pooler_output
            elif self._task == "classifier":
                outputs["logits"] = answer.logits
            elif self._task == "span":
                outputs |= {"start_logits": answer.start_logits, "end_logits": answer.end_logits}
            else:
                words, rows = answer.prediction_logits, self._tensor(inputs[POSITIONS_INPUT])
                outputs["mlm_logits"] = words[torch.arange(len(rows), device=self._device)[:, None], rows]
                outputs["pooled_output"] = self._model.bert.pooler(outputs["sequence_output"])
            if self._task == "pretrainer":
                outputs["nsp_logits"] = answer.seq_relationship_logits
        return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}

    def _tensor(self, array: np.ndarray) -> Any:
        return self._torch.tensor(array, dtype=self._torch.long, device=self._device)
