"""Operations that no translation can express, or that say how a graph computes."""

import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.export.onnx.functions import Program

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
UNIQUES = ("Unique", "UniqueWithCounts")
HALF = (tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum)
MOVES = ("Cast", "Identity", "Reshape", "Squeeze", "ExpandDims", "Transpose", "Placeholder", "Const")


def check_operations(program: Program) -> None:
    """Refuses operations on which outputs depend, and that tf2onnx would translate to something else.

    Raises:
      DataError: an operation is random, compares texts, or has no translation of its type.
    """
    for body in program.all():
        for node in body.nodes:
            if node.op in RANDOM:
                raise DataError(
                    f"{node.op} ({node.name}) is random: the SavedModel answers differently every time; export "
                    "one that is not in training mode, without dropout"
                )
            if node.op in TEXT_COMPARISONS and node.attr["T"].type == tf.string.as_datatype_enum:
                raise DataError(f"{node.op} ({node.name}) compares texts, which ONNX cannot express")
            if node.op in UNIQUES and node.attr["T"].type == tf.float64.as_datatype_enum:
                raise DataError(f"{node.op} ({node.name}) of float64, which would be compared as float32")


def computes_in_half(program: Program) -> bool:
    """Whether a graph computes in float16 or bfloat16, and not only stores values in them."""
    return any(
        node.attr["T"].type in HALF and node.op not in MOVES for body in program.all() for node in body.nodes
    )
