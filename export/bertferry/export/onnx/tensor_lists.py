"""Checks that loops write their lists step by step, as the results of ONNX's Loop are: in no other order."""

from bertferry.core.errors import DataError
from bertferry.export.onnx.functions import LOOPS, Body, NodeDef, Program, bodies_of, node_of

ADDITIONS = ("Add", "AddV2")


def check_lists(program: Program) -> None:
    """Refuses a loop that writes a list in another order than from its first element to its last.

    tf2onnx takes what each step writes as the next element, whatever its index.

    Raises:
      DataError: the index of a write is not a variable that counts up, and no constant.
    """
    for outer in program.all():
        for loop in outer.nodes:
            if loop.op in LOOPS:
                body = program.bodies[bodies_of(loop)[1]]
                for node in body.nodes:
                    if node.op == "TensorListSetItem" and not _is_step(body, node.input[1]):
                        raise DataError(
                            f"{node.op} ({node.name}) in {loop.op} ({loop.name}) writes a TensorArray in another "
                            "order than its steps: write element by element, and reverse or gather the result"
                        )


def _is_step(body: Body, index: str) -> bool:
    """Whether an index is a constant, or a variable of the loop that something is added to in each step."""
    nodes = {node.name: node for node in body.nodes}
    origin = _origin(nodes, index)
    if origin.op == "Const":
        return True
    if origin.name not in body.arguments:
        return False
    update = _origin(nodes, body.results[body.arguments.index(origin.name)])
    return update.op in ADDITIONS and any(_origin(nodes, tensor) is origin for tensor in update.input)


def _origin(nodes: dict[str, NodeDef], tensor: str) -> NodeDef:
    node = nodes[node_of(tensor)]
    while node.op == "Identity":
        node = nodes[node_of(node.input[0])]
    return node
