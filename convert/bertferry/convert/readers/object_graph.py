"""Names in an object-based TensorFlow checkpoint, looked up through its object graph.

A key is the shortest path to a variable, so a variable that two objects share is stored under the shorter of its
two names: a pretrainer's token embedding table is `…/embedding_table`. Walking the graph finds it by either.
Paths are written as TensorFlow writes keys: local names joined by `/`, here each with a `/` at the end.
"""

import re
from collections import deque
from collections.abc import Iterator

from google.protobuf.message import DecodeError

from bertferry.convert.bundle import ObjectGraphMessage

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


class ObjectGraph:
    """The saved objects, their named edges and the key under which each variable was stored.

    Raises:
      ValueError: the bytes are not an object graph.
    """

    def __init__(self, serialized: bytes) -> None:
        try:
            graph = ObjectGraphMessage.FromString(serialized)
        except DecodeError as error:
            raise ValueError("not an object graph") from error
        count = len(graph.nodes)
        if not count or any(not 0 <= child.node_id < count for node in graph.nodes for child in node.children):
            raise ValueError("its object graph has edges to objects that do not exist")
        self._children = [{child.local_name: child.node_id for child in node.children} for node in graph.nodes]
        self._keys = [
            next((a.checkpoint_key for a in node.attributes if a.name == "VARIABLE_VALUE"), None)
            for node in graph.nodes
        ]

        self.variables = {
            a.checkpoint_key: a.full_name for node in graph.nodes for a in node.attributes if a.full_name
        }

    def key(self, path: str) -> str | None:
        """The checkpoint key of the variable at a path of local names, or None if the path leads nowhere."""
        node = self._follow(0, path)
        return None if node is None else self._keys[node]

    def places(self, path: str) -> list[str]:
        """The shortest path of every object from which `path` leads to a variable, nearest to the root first."""
        return [
            place
            for node, place in self._walk(0, "")
            if (end := self._follow(node, path)) is not None and self._keys[end] is not None
        ]

    def keys_below(self, place: str) -> set[str]:
        """The keys of every variable that can be reached from the object at a place."""
        start = self._follow(0, place)
        if start is None:
            return set()
        return {key for node, _ in self._walk(start, place) if (key := self._keys[node]) is not None}

    def _follow(self, node: int, path: str) -> int | None:
        for part in path.split("/"):
            child = self._children[node].get(unescape(part)) if part else node
            if child is None:
                return None
            node = child
        return node

    def _walk(self, start: int, place: str) -> Iterator[tuple[int, str]]:
        """Every object once, with its shortest path, breadth first; a graph may have cycles."""
        seen = {start}
        queue = deque([(start, place)])
        while queue:
            node, path = queue.popleft()
            yield node, path
            for name, child in self._children[node].items():
                if child not in seen:
                    seen.add(child)
                    queue.append((child, f"{path}{escape(name)}/"))


def escape(name: str) -> str:
    """A local name as keys spell it: `.S` for `/` and `..` for `.`."""
    return name.replace(".", "..").replace("/", ".S")


def unescape(part: str) -> str:
    """The local name for its spelling in a key."""
    return re.sub(r"\.(.)", lambda match: "/" if match[1] == "S" else match[1], part)
