"""Operations that no translation can express, or that say how a graph computes."""

import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.export.onnx.functions import NodeDef, Program

RANDOM = (
    "Multinomial",
    "ParameterizedTruncatedNormal",
    "RandomGamma",
    "RandomPoisson",
    "RandomPoissonV2",
    "RandomShuffle",
    "RandomStandardNormal",
    "RandomUniform",
    "RandomUniformInt",
    "TruncatedNormal",
    "StatefulStandardNormalV2",
    "StatefulTruncatedNormal",
    "StatefulUniform",
    "StatefulUniformFullInt",
    "StatefulUniformInt",
    "RngReadAndSkip",
)
TEXT_COMPARISONS = ("Equal", "NotEqual")
APPROXIMATED = ("ResizeArea",)
"""Operations for which tf2onnx takes another: the nearest pixel instead of the mean of an area."""
UNIQUES = ("Unique", "UniqueWithCounts")
BFLOAT16 = tf.bfloat16.as_datatype_enum
FLOAT16 = tf.float16.as_datatype_enum
HALF = (FLOAT16, BFLOAT16)
FLOATS = (*HALF, tf.float32.as_datatype_enum, tf.float64.as_datatype_enum)
MOVES = ("Cast", "Identity", "Reshape", "Squeeze", "ExpandDims", "Transpose", "Placeholder", "Const")


def check_operations(program: Program) -> None:
    """Refuses operations on which outputs depend, and that tf2onnx would translate to something else.

    Raises:
      DataError: an operation is random, compares texts, or has a type that has no translation.
    """
    for body in program.all():
        for node in body.nodes:
            types = _types(node)
            if node.op in RANDOM:
                raise DataError(
                    f"{node.op} ({node.name}) is random: the SavedModel answers differently every time; export "
                    "one that is not in training mode, without dropout"
                )
            if node.op in TEXT_COMPARISONS and tf.string.as_datatype_enum in types:
                raise DataError(f"{node.op} ({node.name}) compares texts, which ONNX cannot express")
            if node.op in APPROXIMATED:
                raise DataError(f"{node.op} ({node.name}) has no translation that computes the same")
            if node.op == "AsString" and types.intersection(FLOATS):
                raise DataError(f"{node.op} ({node.name}) of floats, whose digits ONNX writes in another way")
            if node.op in UNIQUES and tf.float64.as_datatype_enum in types:
                raise DataError(f"{node.op} ({node.name}) of float64, which would be compared as float32")


def find_precision(program: Program) -> str:
    """The least precision in which a graph computes, `fp32`, `fp16` or `bf16`; weights may be stored in less."""
    types = {dtype for body in program.all() for node in body.nodes if not _moves(node) for dtype in _types(node)}
    return "bf16" if BFLOAT16 in types else "fp16" if FLOAT16 in types else "fp32"


def find_halves(program: Program) -> set[int]:
    """The types of half precision that any value has."""
    return {dtype for body in program.all() for node in body.nodes for dtype in _types(node).intersection(HALF)}


def _moves(node: NodeDef) -> bool:
    """Whether a node returns the values that it takes, and does not round them."""
    rounds = node.op == "Cast" and node.attr["DstT"].type in HALF and node.attr["SrcT"].type not in HALF
    return node.op in MOVES and not rounds


def _types(node: NodeDef) -> set[int]:
    """The types that a node's attributes name; to look up one that is missing would add it."""
    return {node.attr[name].type for name in ("T", "DstT", "dtype") if name in node.attr}
