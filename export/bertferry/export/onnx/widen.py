"""Computes in float32 what a TensorFlow graph computes in float16 or bfloat16.

ONNX Runtime has no bfloat16 on a CPU, and eight-bit weights are made from float32.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import tensorflow as tf

from bertferry.core.errors import DataError
from bertferry.export.onnx.captures import Captured
from bertferry.export.onnx.functions import Body, NodeDef, Program, dtype_of
from bertferry.export.onnx.operations import BFLOAT16, HALF

FLOAT = tf.float32.as_datatype_enum


def widen(program: Program, inputs: Mapping[str, str]) -> None:
    """Makes every value of half precision float32, in place; `inputs` and results keep their types.

    Raises:
      DataError: an input or a result is of bfloat16, or an operation takes the bits of such a value apart.
    """
    main = program.main
    nodes = {node.name: node for node in main.nodes}
    results = [dtype_of(nodes, tensor) for tensor in main.results]
    given = [(name, tensor, dtype_of(nodes, tensor)) for name, tensor in inputs.items()]
    for name, dtype in [
        *((name, dtype) for name, _, dtype in given),
        *(("an output", dtype) for dtype in results),
    ]:
        if dtype == BFLOAT16:
            raise DataError(
                f"{name} is of bfloat16, which ONNX Runtime cannot take or return: export one of float32"
            )
    for body in program.all():
        _widen(body)
    for _, tensor, dtype in given:
        if dtype in HALF:
            nodes[tensor.split(":")[0]].attr["dtype"].type = dtype
            _cast_after(main, tensor, dtype)
    for place, dtype in enumerate(results):
        if dtype in HALF:
            main.results[place] = _cast(main, main.results[place], f"bertferry_result_{place}", FLOAT, dtype)


def _widen(body: Body) -> None:
    for node in body.nodes:
        if node.op == "Bitcast" and {node.attr["T"].type, node.attr["type"].type}.intersection(HALF):
            raise DataError(f"{node.op} ({node.name}) takes the bits of a value in half precision")
        for attribute in node.attr.values():
            if attribute.type in HALF:
                attribute.type = FLOAT
            for place, dtype in enumerate(attribute.list.type):
                if dtype in HALF:
                    attribute.list.type[place] = FLOAT
            if attribute.HasField("tensor") and attribute.tensor.dtype in HALF:
                values = tf.make_ndarray(attribute.tensor).astype("float32")
                attribute.tensor.CopyFrom(tf.make_tensor_proto(values, tf.float32))


def _cast_after(body: Body, tensor: str, dtype: int) -> None:
    """Makes every node that takes a tensor of half precision take it in float32."""
    users: Collection[NodeDef] = list(body.nodes)
    wide = _cast(body, tensor, f"{tensor.split(':')[0]}/bertferry_wide", dtype, FLOAT)
    for node in users:
        node.input[:] = [wide if one == tensor else one for one in node.input]
    body.results[:] = [wide if one == tensor else one for one in body.results]


def _cast(body: Body, tensor: str, name: str, source: int, target: int) -> str:
    node = NodeDef(name=name, op="Cast", input=[tensor])
    node.attr["SrcT"].type, node.attr["DstT"].type = source, target
    body.nodes.append(node)
    return f"{name}:0"


def widen_captured(captured: Captured) -> Captured:
    """A captured value of half precision as float32."""
    if captured.dtype.as_datatype_enum not in HALF:
        return captured
    return replace(captured, dtype=tf.float32, load=lambda: captured.load().astype("float32"))
