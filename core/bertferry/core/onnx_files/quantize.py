"""Quantizes an ONNX graph to eight bits."""

from pathlib import Path
from typing import TYPE_CHECKING

from bertferry.core.errors import UsageError
from bertferry.core.temporary import TemporaryFolder

if TYPE_CHECKING:  # an extra, and slow to import
    import onnx

OLDEST_OPSET = 11
"""The first with all operations of a quantized product."""
OTHERS = ("Attention", "Conv", "EmbedLayerNormalization", "LSTM")
"""Further operations with weights, which ONNX Runtime's tool quantizes."""


def quantize(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Quantizes weights of products and lookups to eight bits, and what products take while they run.

    For products and lookups, see `QuantizedGraph`. The kernels of values that attention averages stay in float32:
    a twelfth of a BERT layer's products, but the largest part of the error in eight bits (docs/onnx.md).

    The operations of `OTHERS` are quantized by ONNX Runtime's tool, which chooses one scale for all vectors that
    an operation takes.

    Args:
      model: a model with its weights, which is changed.

    Returns:
      The quantized model.

    Raises:
      UsageError: its opset is older than `OLDEST_OPSET`.
    """
    from bertferry.core.onnx_files.attention import averaging_kernels, split_attention
    from bertferry.core.onnx_files.quantized_graph import QuantizedGraph

    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    if opset < OLDEST_OPSET:
        raise UsageError(
            f"a graph of opset {opset} cannot be quantized: at least {OLDEST_OPSET} required",
            "convert it with onnx.version_converter",
        )
    split_attention(model)
    QuantizedGraph(model.graph, opset, averaging_kernels(model.graph)).rewrite()
    if any(node.op_type in OTHERS for node in model.graph.node):
        return _quantize_others(model)
    return model


def _quantize_others(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """`reduce_range` limits the weights to seven bits: see `LARGEST_PAIR`."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryFolder() as folder:
        full, eight = (Path(folder) / name / "model.onnx" for name in ("full", "eight"))
        for path in (full, eight):
            path.parent.mkdir()
        onnx.save(model, str(full), save_as_external_data=True)
        quantize_dynamic(
            str(full),
            str(eight),
            op_types_to_quantize=list(OTHERS),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        return onnx.load(str(eight))
