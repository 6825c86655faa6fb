"""Makes the files of a SavedModel reproducible.

TensorFlow numbers functions by a counter of the process, records where in the source they were defined, puts the
process's seed into operations that draw random numbers, and gives each SavedModel a random identifier.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from bertferry.export.saver_graph import inline_saver
from bertferry.modeling.tf_compat import ARGUMENT_NAME, SavedModel, compute_fingerprint

SEEDS = ("seed", "seed2")
"""Attributes of random operations; by their default each run draws other numbers."""
UNIQUE = re.compile(r"(.*_)(\d+)")
"""Names of traced functions end in the counter of the process."""


def make_reproducible(directory: Path) -> None:
    """Rewrites `saved_model.pb` and `fingerprint.pb` so that equal modules have identical files."""
    path = directory / "saved_model.pb"
    model = SavedModel.FromString(path.read_bytes())
    for meta_graph in model.meta_graphs:
        inline_saver(meta_graph)
        _renumber(meta_graph)
    path.write_bytes(model.SerializeToString(deterministic=True))
    write_fingerprint(directory)


def _renumber(meta_graph: tf.compat.v1.MetaGraphDef) -> None:
    """Numbers the functions from 0 in the order of their creation."""
    functions = meta_graph.graph_def.library.function
    matches = {match[0]: match for function in functions if (match := UNIQUE.fullmatch(function.signature.name))}
    numbers = {number: rank for rank, number in enumerate(sorted({int(match[2]) for match in matches.values()}))}
    renamed = {name: f"{match[1]}{numbers[int(match[2])]}" for name, match in matches.items()}

    def rename(name: str) -> str:
        return renamed.get(name, name)

    for node in _nodes(meta_graph.graph_def):
        node.ClearField("experimental_debug_info")
        node.op = rename(node.op)
        for name in SEEDS:
            node.attr.pop(name, None)
        for attribute in node.attr.values():
            for called in (attribute.func, *attribute.list.func):
                if called.name:
                    called.name = rename(called.name)
    for function in functions:
        function.signature.name = rename(function.signature.name)
        for argument in function.arg_attr.values():  # captured variables are numbered by another counter
            if ARGUMENT_NAME in argument.attr and argument.attr[ARGUMENT_NAME].s.isdigit():
                del argument.attr[ARGUMENT_NAME]
    for gradient in meta_graph.graph_def.library.gradient:
        gradient.function_name = rename(gradient.function_name)
        gradient.gradient_func = rename(gradient.gradient_func)
    functions.sort(key=lambda function: function.signature.name)
    _rename_objects(meta_graph, rename)


def _nodes(graph_def: tf.compat.v1.GraphDef) -> Iterator[tf.compat.v1.NodeDef]:
    yield from graph_def.node
    for function in graph_def.library.function:
        yield from function.node_def


def _rename_objects(meta_graph: tf.compat.v1.MetaGraphDef, rename: Callable[[str], str]) -> None:
    """Renames the functions in the object graph and the signatures too."""
    objects = meta_graph.object_graph_def
    for node in objects.nodes:
        if node.HasField("function"):
            node.function.concrete_functions[:] = [rename(name) for name in node.function.concrete_functions]
        if node.HasField("bare_concrete_function"):
            called = node.bare_concrete_function
            called.concrete_function_name = rename(called.concrete_function_name)
    kept = {rename(name): function for name, function in objects.concrete_functions.items()}
    copies = {name: type(function).FromString(function.SerializeToString()) for name, function in kept.items()}
    objects.concrete_functions.clear()
    for name, function in copies.items():
        objects.concrete_functions[name].CopyFrom(function)
    aliases = {rename(name): alias for name, alias in meta_graph.meta_info_def.function_aliases.items()}
    meta_graph.meta_info_def.function_aliases.clear()
    meta_graph.meta_info_def.function_aliases.update(aliases)


def write_fingerprint(directory: Path) -> None:
    """Writes the fingerprint of the directory's contents; its identifier is derived from its checksums."""
    fingerprint = compute_fingerprint(directory)
    if "uuid" in fingerprint.DESCRIPTOR.fields_by_name:  # TensorFlow 2.19 and later
        fingerprint.uuid = hashlib.sha256(str(fingerprint.saved_model_checksum).encode()).hexdigest()[:32]
    (directory / "fingerprint.pb").write_bytes(fingerprint.SerializeToString(deterministic=True))
