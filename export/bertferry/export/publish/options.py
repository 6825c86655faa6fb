"""What a published folder contains."""

from dataclasses import dataclass

from bertferry.convert.layouts import TARGETS
from bertferry.core.choices import check_choice
from bertferry.core.tasks import TASKS

ONNX_NAMES = {"fp32": "model.onnx", "fp16": "model_fp16.onnx", "int8": "model_quantized.onnx"}
"""File names in the folder `onnx/`, by precision, as transformers.js looks for them:
https://huggingface.co/docs/transformers.js/guides/dtypes."""
LITERT_NAMES = {"fp32": "model.tflite", "fp16": "model_fp16.tflite", "int8": "model_int8.tflite"}
EMBEDDING_NAME = "sentence_embedding.onnx"
HUB, KERAS_HUB = "hub", "keras_hub"
"""Folders of the Hub module and of the preset of KerasHub."""
OTHER_LAYOUTS = tuple(layout for layout in TARGETS if layout not in ("huggingface", KERAS_HUB))
"""Layouts that a folder may also contain a checkpoint in, beside the weights of transformers."""


@dataclass(frozen=True)
class PublishOptions:
    """What a published folder contains besides weights, tokenizer and model card.

    Attributes:
      task: what its graphs compute, one of `TASKS`; by default that of the fine-tuned head that the source has, or
        `encoder`.
      onnx: precisions of the ONNX files, of `ONNX_NAMES`.
      litert: precisions of the LiteRT files, of `LITERT_NAMES`.
      hub: whether it contains a Hub module.
      keras_hub: whether it contains a preset of KerasHub.
      layouts: of `OTHER_LAYOUTS`, those that it contains a checkpoint in, each in a folder of that name.
      probes: names of the standard probes that its parts are compared with the source on, by default all.

    Raises:
      UsageError: an unknown name.
    """

    task: str | None = None
    onnx: tuple[str, ...] = tuple(ONNX_NAMES)
    litert: tuple[str, ...] = ()
    hub: bool = False
    keras_hub: bool = False
    layouts: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("task", self.task, TASKS)
        for precision in self.onnx:
            check_choice("ONNX precision", precision, ONNX_NAMES)
        for precision in self.litert:
            check_choice("LiteRT precision", precision, LITERT_NAMES)
        for layout in self.layouts:
            check_choice("layout of a further checkpoint", layout, OTHER_LAYOUTS)
