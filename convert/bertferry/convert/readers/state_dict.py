"""Finds the weights in what `torch.save` saved: a state dict, or a training checkpoint around one or several.

A state dict maps the paths of parameters, which contain dots, to tensors. In a training checkpoint it is an entry
(`model_state_dict`, `state_dict`, `module`, …) beside an optimizer's state and counters.
"""

from collections.abc import Iterator
from typing import Any

from bertferry.convert.readers.pickle_data import PickleRefusedError
from bertferry.convert.readers.torch_objects import Tensor

DEEPEST = 16
"""Levels of containers: an optimizer's state has five."""


def named_tensors(root: Any, prefix: str | None = None) -> dict[str, Tensor]:
    """Every tensor below a root.

    Those of the state dict have their names in it; if there are several state dicts, each name begins with the
    path to its own, and with a `prefix` only those at that path are taken. The names of all other tensors are
    Python's expressions for them, such as `['optimizer']['state'][0]['exp_avg']`.

    Raises:
      PickleRefusedError: containers nested too deeply.
    """
    places = {path: owner for path, owner in _containers(root) if isinstance(owner, dict) and _is_state(owner)}
    several = len(places) > 1
    if several and prefix is not None:
        places = {path: owner for path, owner in places.items() if _belongs(_dotted(path), prefix)}
    names: dict[str, Tensor] = {}
    for path, owner in _containers(root):
        for key, value in _items(owner):
            if isinstance(value, Tensor):
                names[_name(path, key, several, is_weight=path in places and isinstance(key, str))] = value
    return names


def _containers(root: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every dictionary, list and tuple once, with the keys that lead to it."""
    seen: set[int] = set()
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), root)]
    while waiting:
        path, owner = waiting.pop()
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        if len(path) > DEEPEST:
            raise PickleRefusedError(f"its pickle nests more than {DEEPEST} containers")
        yield path, owner
        inner = [((*path, key), value) for key, value in _items(owner) if isinstance(value, dict | list | tuple)]
        waiting += reversed(inner)


def _items(owner: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(owner, dict):
        yield from owner.items()
    elif isinstance(owner, list | tuple):
        yield from enumerate(owner)


def _is_state(owner: dict[Any, Any]) -> bool:
    return any(isinstance(key, str) and "." in key and isinstance(value, Tensor) for key, value in owner.items())


def _dotted(path: tuple[Any, ...]) -> str:
    return "".join(f"{key}." for key in path)


def _belongs(place: str, prefix: str) -> bool:
    """Whether a prefix leads into the state dict at a place, or to it."""
    return f"{prefix.rstrip('.')}.".startswith(place)


def _name(path: tuple[Any, ...], key: Any, several: bool, *, is_weight: bool) -> str:
    if is_weight:
        return f"{_dotted(path)}{key}" if several else key
    return "".join(f"[{part!r}]" for part in (*path, key))
