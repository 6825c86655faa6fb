"""A pickle, read as data: nothing is imported, called or changed by what the file says.

https://docs.python.org/3/library/pickletools.html describes the opcodes, and its `genops` decodes their arguments.
A class or function that a pickle names is looked up in the caller's table of stand-ins; any other is refused. What
an object would be told to set on itself (`BUILD`) is dropped.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pickletools import genops
from typing import IO, Any

MAX_OPCODES = 2_000_000
"""Those of 40,000 tensors. Most opcodes make an object, so this bounds the memory that a pickle takes: 0.4 GB."""
LARGEST_KEY = 2**31
"""Of integers in dictionaries: larger ones can be chosen so that all collide."""


class PickleRefusedError(ValueError):
    """A pickle that names or does what no table of weights needs, with a way out if it has one of its own."""


@dataclass(frozen=True)
class Refused:
    """The stand-in of what is known, but not read: why, and what to save instead."""

    why: tuple[str, str]


@dataclass(frozen=True)
class Function:
    """The stand-in of a class or function that a pickle calls."""

    call: Callable[..., Any]


class Ignored:
    """The value of something that is no weight, whatever its contents."""


def load(
    stream: IO[bytes], stand_ins: Mapping[tuple[str, str], object], persistent: Callable[[object], object]
) -> Any:
    """The object that the pickle at a stream's position describes; the stream is left behind its end.

    Args:
      stream: a file in memory or on disk.
      stand_ins: what takes the place of each class or function, by module and name.
      persistent: gives the object for a persistent id.

    Raises:
      PickleRefusedError: the pickle names something else, or is too large.
      ValueError: its bytes are damaged.
    """
    machine = _Machine(stand_ins, persistent)
    try:
        for count, (opcode, argument, _) in enumerate(genops(stream)):
            if count == MAX_OPCODES:
                raise PickleRefusedError(f"more than {MAX_OPCODES} opcodes")
            machine.run(opcode.name, argument)
        return machine.stack[-1]
    except (IndexError, KeyError, TypeError, struct.error, OverflowError) as error:
        raise ValueError(f"its pickle is damaged: {error}") from error


class _Machine:
    """The stack, the marked stacks below it, and the memo."""

    def __init__(
        self, stand_ins: Mapping[tuple[str, str], object], persistent: Callable[[object], object]
    ) -> None:
        self.stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._stand_ins = stand_ins
        self._persistent = persistent

    def run(self, name: str, argument: Any) -> None:
        """Executes one opcode; `pickletools` has decoded its argument."""
        if name in VALUES:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in NEW:
            self.stack.append(NEW[name]())
        elif name in TUPLES:
            items = [self.stack.pop() for _ in range(TUPLES[name])]
            self.stack.append(tuple(reversed(items)))
        elif name in PUT:
            self._memo[len(self._memo) if argument is None else argument] = self.stack[-1]
        elif name in GET:
            self.stack.append(self._memo[argument])
        elif name not in NO_EFFECT:
            if name not in ACTIONS:
                raise PickleRefusedError(f"its pickle has the opcode {name}, which no weights need")
            ACTIONS[name](self, argument)

    def mark(self, _: object) -> None:
        """Starts a stack of its own."""
        self._below.append(self.stack)
        self.stack = []

    def pop_mark(self, _: object = None) -> list[Any]:
        """What was pushed since the last mark."""
        items, self.stack = self.stack, self._below.pop()
        return items

    def pop(self, _: object = None) -> Any:
        """The topmost object, or an unused mark."""
        return self.stack.pop() if self.stack else self.pop_mark()

    def append(self, _: object) -> None:
        """Appends one object to the list below it."""
        self._extend([self.stack.pop()])

    def appends(self, _: object) -> None:
        """Appends what follows the mark to the list before it."""
        self._extend(self.pop_mark())

    def set_item(self, _: object) -> None:
        """Sets one item of the dictionary below it."""
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def set_items(self, _: object) -> None:
        """Sets the items that follow the mark."""
        self._update(self.pop_mark())

    def make_tuple(self, _: object) -> None:
        """A tuple of what follows the mark."""
        items = self.pop_mark()
        self.stack.append(tuple(items))

    def make_list(self, _: object) -> None:
        """A list of what follows the mark; a set is one too, so that nothing has to be hashed."""
        items = self.pop_mark()
        self.stack.append(items)

    def make_dict(self, _: object) -> None:
        """A dictionary of what follows the mark."""
        items = self.pop_mark()
        self.stack.append({})
        self._update(items)

    def stand_in(self, argument: str) -> None:
        """The stand-in of a class or function, named by module and name."""
        module, _, name = argument.partition(" ")
        self._push_stand_in(module, name)

    def stacked_stand_in(self, _: object) -> None:
        """The same, with the names on the stack."""
        name, module = self.stack.pop(), self.stack.pop()
        self._push_stand_in(module, name)

    def call(self, _: object) -> None:
        """Calls a stand-in."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Function) or not isinstance(arguments, tuple):
            raise PickleRefusedError("its pickle calls an object")
        self.stack.append(function.call(*arguments))

    def build(self, _: object) -> None:
        """Drops what an object would be told to set on itself."""
        self.stack.pop()

    def persistent(self, _: object) -> None:
        """The object of a persistent id."""
        self.stack.append(self._persistent(self.stack.pop()))

    def _push_stand_in(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str) or (module, name) not in self._stand_ins:
            named = ascii(f"{module}.{name}"[:200])[1:-1]
            raise PickleRefusedError(f"its pickle names {named}, which no weights need")
        stand_in = self._stand_ins[module, name]
        if isinstance(stand_in, Refused):
            raise PickleRefusedError(*stand_in.why)
        self.stack.append(stand_in)

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, Ignored):
            _expect(target, list).extend(items)

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Ignored):
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int | None) or (isinstance(key, int) and abs(key) > LARGEST_KEY):
                raise PickleRefusedError(f"its pickle has a dictionary with a {type(key).__name__} as a key")
            _expect(target, dict)[key] = value


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"its pickle is damaged: {type(value).__name__} in place of {kind.__name__}")
    return value


VALUES = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
NEW: dict[str, Callable[[], object]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
PUT = frozenset(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"))
GET = frozenset(("GET", "BINGET", "LONG_BINGET"))
NO_EFFECT = frozenset(("PROTO", "FRAME", "STOP"))
ACTIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "ADDITEMS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "TUPLE": _Machine.make_tuple,
    "LIST": _Machine.make_list,
    "FROZENSET": _Machine.make_list,
    "DICT": _Machine.make_dict,
    "GLOBAL": _Machine.stand_in,
    "STACK_GLOBAL": _Machine.stacked_stand_in,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
}
