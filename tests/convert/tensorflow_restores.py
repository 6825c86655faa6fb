"""Restores written checkpoints in whatever TensorFlow runs this: by name, in TF1's Saver, strictly in objects.

Usage: tensorflow_restores.py FOLDER...

Each folder has `bert_model.ckpt` and `expected.npz`, which has the value of each variable: under its name in a
name-based checkpoint; in an object-based one under its path and its name, joined by `|`.
"""

import re
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def main() -> None:
    for folder in map(Path, sys.argv[1:]):
        prefix = str(folder / "bert_model.ckpt")
        with np.load(folder / "expected.npz") as stored:
            expected = {tuple(key.rpartition("|")[::2]): value for key, value in stored.items()}
        stored_names = {(f"{path}{VALUE}" if path else name): value for (path, name), value in expected.items()}
        read_by_name(prefix, stored_names)
        restore_in_saver(prefix, {name: value for (_, name), value in expected.items()})
        if all(path for path, _ in expected):
            restore_in_objects(prefix, {path: value for (path, _), value in expected.items()})
    print(f"TensorFlow {tf.__version__} restored {len(sys.argv) - 1} checkpoints")


def read_by_name(prefix, expected):
    reader = tf.train.load_checkpoint(prefix)
    for name, value in expected.items():
        np.testing.assert_array_equal(reader.get_tensor(name), value, strict=True)


def restore_in_saver(prefix, expected):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {
            name: tf.compat.v1.get_variable(name, value.shape, value.dtype) for name, value in expected.items()
        }
        tf.compat.v1.train.Saver(variables).restore(session, prefix)
        for name, value in session.run(variables).items():
            np.testing.assert_array_equal(value, expected[name], strict=True)


def restore_in_objects(prefix, expected):
    """Every object has to be matched, every value consumed."""
    root = tf.Module()
    variables = {}
    for path, value in expected.items():
        *parents, last = map(local_name, path.split("/"))
        node = root
        for name in parents:
            if not hasattr(node, name):
                setattr(node, name, tf.Module())
            node = getattr(node, name)
        variables[path] = tf.Variable(tf.zeros(value.shape, value.dtype))
        setattr(node, last, variables[path])
    children = {name: getattr(root, name) for name in {local_name(path.partition("/")[0]) for path in expected}}
    status = tf.train.Checkpoint(**children).restore(prefix)
    status.assert_existing_objects_matched().assert_consumed()
    for path, variable in variables.items():
        np.testing.assert_array_equal(variable.numpy(), expected[path], strict=True)


def local_name(part):
    """The name of an attribute for its spelling in a key."""
    return re.sub(r"\.(.)", lambda match: "/" if match[1] == "S" else match[1], part)


if __name__ == "__main__":
    main()
