"""Names of a BERT artefact's inputs and outputs, the same in every format."""

ENCODER_INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
POSITIONS_INPUT = "masked_lm_positions"

TASK_OUTPUTS: dict[str, tuple[str, ...]] = {
    "encoder": ("sequence_output", "pooled_output"),
    "mlm": ("sequence_output", "pooled_output", "mlm_logits"),
    "pretrainer": ("sequence_output", "pooled_output", "mlm_logits", "nsp_logits"),
    "classifier": ("logits",),
    "span": ("start_logits", "end_logits"),
}
"""What each task computes; all float32."""

TOKEN_OUTPUTS = ("sequence_output", "start_logits", "end_logits")
"""Outputs whose second axis is the sequence: [B, S, ...]."""

CONVENIENCES = ("encoder_outputs", "default")
"""Outputs that only a Hub module's root call has; they never count as missing or extra."""


def task_inputs(task: str) -> tuple[str, ...]:
    """Names of a task's integer inputs."""
    return (*ENCODER_INPUTS, POSITIONS_INPUT) if "mlm_logits" in TASK_OUTPUTS[task] else ENCODER_INPUTS


def gives_encoder_outputs(task: str) -> bool:
    """Whether a task's outputs are those of the encoder and of its heads, or those of its head alone."""
    return "sequence_output" in TASK_OUTPUTS[task]
