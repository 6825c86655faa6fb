"""Eight-bit weights with ONNX Runtime's own tool."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # an extra, and slow to import
    import onnx


def quantize(model: "Path | onnx.ModelProto", target: Path, *, external: bool = False) -> None:
    """Quantizes the weights of products and lookups to eight bits per channel, and activations dynamically.

    `reduce_range` limits the weights to seven bits: otherwise sums of products overflow on processors without
    VNNI. `external` keeps the weights in a file beside `target`.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(model) if isinstance(model, Path) else model,
        str(target),
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        use_external_data_format=external,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
