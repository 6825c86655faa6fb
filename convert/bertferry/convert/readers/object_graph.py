"""Names in an object-based TensorFlow checkpoint, looked up through its object graph.

A key is the shortest path to a variable, so a variable that two objects share lies under the shorter of its
two names: a pretrainer's word table is stored as `…/embedding_table`. Walking the graph finds it by either.
"""

from tensorflow.core.protobuf import trackable_object_graph_pb2

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


class ObjectGraph:
    """The saved objects, their named edges and the key under which each variable was stored."""

    def __init__(self, serialized: bytes) -> None:
        graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(serialized)
        self._children = [{child.local_name: child.node_id for child in node.children} for node in graph.nodes]
        self._keys = [
            next((a.checkpoint_key for a in node.attributes if a.name == "VARIABLE_VALUE"), None)
            for node in graph.nodes
        ]

    def key(self, path: str) -> str | None:
        """The checkpoint key of the variable at a path of local names, or None where the path ends nowhere."""
        node = 0
        for part in path.split("/"):
            child = self._children[node].get(unescape(part))
            if child is None:
                return None
            node = child
        return self._keys[node]


def unescape(part: str) -> str:
    """The local name that a key spells with `.S` for `/` and `..` for `.`."""
    return part.replace(".S", "/").replace("..", ".")
