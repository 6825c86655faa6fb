"""The only module that uses private parts of TensorFlow.

Whatever TensorFlow's API pages do not list may change without notice in any release. It is used here and
nowhere else (ruff refuses `tensorflow.python` and `tensorflow.core` in every other file), and each function has a
contract test in tests/modeling/test_tf_compat.py, which shows what broke. It is one module rather than a package,
so that one page shows what a new TensorFlow can break, and in `modeling`, the lowest part that may import
TensorFlow, so that every part above reaches it. Private parts of tf2onnx are in
`export/onnx/tf2onnx_compat.py`, next to their only user.

The protocol buffers are part of TensorFlow's file formats, which stay readable; only their Python modules may
move. Those that TensorFlow publishes are used as `tf.compat.v1.GraphDef` and `tf.compat.v1.NodeDef`.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.op_def_pb2 import OpDef
from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.framework import convert_to_constants, op_def_registry
from tensorflow.python.saved_model import save_context
from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting

__all__ = [
    "ARGUMENT_NAME",
    "FingerprintDef",
    "FunctionDef",
    "LoadedModule",
    "OpDef",
    "SavedModel",
    "capture",
    "compute_fingerprint",
    "find_variable",
    "get_argument_name",
    "get_op_def",
    "inline_calls",
    "list_captures",
    "list_declared_inputs",
    "read_reference_variable",
    "set_default_signature",
    "trace_for_saving",
]

ARGUMENT_NAME = "_user_specified_name"
"""The attribute in which graphs and saved functions store the name of an argument; for a captured variable it is a
number from a counter of the process."""

ConcreteFunction: TypeAlias = tf.types.experimental.ConcreteFunction
LoadedModule: TypeAlias = Any
"""What `tf.saved_model.load` returns: an object with whatever attributes were saved."""


def inline_calls(function: ConcreteFunction) -> tf.compat.v1.GraphDef:
    """The function's graph with all calls replaced by the bodies of the called functions.

    Nodes keep their names, and inputs and captured values are placeholders. TensorFlow has no other inliner: its
    own freezing of variables goes through this one.
    """
    return convert_to_constants._run_inline_graph_optimization(
        function, lower_control_flow=False, aggressive_inlining=True
    )


def list_captures(function: ConcreteFunction) -> dict[str, tf.Tensor]:
    """The values that the function captures in addition to its arguments, by the names of their placeholders.

    The value of a variable is its resource handle.
    """
    return {placeholder.op.name: captured for captured, placeholder in function.graph.captures}


def find_variable(function: ConcreteFunction, handle: tf.Tensor) -> tf.Variable | None:
    """The variable with this resource handle among those that the function uses; None if there is none."""
    return next((variable for variable in function.graph.variables if variable.handle is handle), None)


def read_reference_variable(function: ConcreteFunction, node: str) -> np.ndarray:
    """The value of a variable of TensorFlow 1 in a function that was restored from a SavedModel of TensorFlow 1.

    Such a variable is a node of the function's graph, and no resource: only a part of the function can read it.
    """
    with function.graph.as_default():
        value = tf.identity(function.graph.get_tensor_by_name(f"{node}:0"))
    result: np.ndarray = function.prune([], value)().numpy()
    return result


def capture(value: tf.Tensor) -> tf.Tensor:
    """An outside tensor or resource handle as a tensor of the graph being traced."""
    return tf.compat.v1.get_default_graph().capture(value)


def get_argument_name(placeholder: tf.Tensor) -> str:
    """The name of the argument behind a function's input, or the name of its node if it has no other."""
    try:
        return str(placeholder.op.get_attr(ARGUMENT_NAME).decode())
    except ValueError:
        return str(placeholder.op.name)


def get_op_def(operation: str) -> OpDef:
    """The definition of an operation: the names and types of its inputs, outputs and attributes.

    Raises:
      KeyError: TensorFlow knows no such operation.
    """
    definition = op_def_registry.get(operation)
    if definition is None:
        raise KeyError(operation)
    return definition


def list_declared_inputs(module: LoadedModule) -> list[Any]:
    """The first argument of every signature with which a loaded module can be called: nested `tf.TensorSpec`s.

    Empty for an object that cannot be called, or that was not restored by `tf.saved_model.load`.
    """
    try:
        functions = module.__call__.concrete_functions
    except AttributeError:
        return []
    return [arguments[0] for function in functions if (arguments := function.structured_input_signature[0])]


def trace_for_saving(options: tf.saved_model.SaveOptions) -> AbstractContextManager[None]:
    """A context in which functions are traced as by `tf.saved_model.save`, with these options.

    Saving then reuses these traces; functions traced outside the context would be traced a second time.
    """
    return save_context.save_context(options)


def set_default_signature(
    module: tf.train.Checkpoint, signature: tf.types.experimental.PolymorphicFunction
) -> None:
    """Makes a function the `serving_default` of a module that is saved without signatures.

    Without it, a module of several functions that is loaded and saved again has no signature.
    """
    module._default_save_signature = signature


def compute_fingerprint(directory: Path) -> FingerprintDef:
    """The fingerprint of a SavedModel's files as they are now; its `uuid` is random.

    `tf.saved_model.experimental.read_fingerprint` only reads a stored one.
    """
    return FingerprintDef.FromString(fingerprinting.CreateFingerprintDef(str(directory)))
