"""TensorFlow's C++ loader: `serving.cc`, compiled against headers and libraries of the installed TensorFlow."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from texts import embed, tokenize

NAMES = {"input_ids": "input_word_ids", "attention_mask": "input_mask", "token_type_ids": "input_type_ids"}


def outputs(folder: Path, sentences: list[str], module: str) -> np.ndarray:
    tokens = tokenize(folder, sentences)
    batch, length = tokens["attention_mask"].shape
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        version = work / "models" / folder.name / "1"
        version.parent.mkdir(parents=True)
        version.symlink_to((folder / module).absolute())
        for name, values in tokens.items():
            values.astype(np.int32).tofile(work / NAMES[name])
        subprocess.run([compile_loader(work), version.parent, work, str(batch), str(length)], check=True)
        vectors = np.fromfile(work / "sequence_output", np.float32).reshape(batch, length, -1)
    return embed(vectors, tokens["attention_mask"])


def compile_loader(work: Path) -> Path:
    """The program, compiled into `work`."""
    libraries = tf.sysconfig.get_lib()
    program, source = work / "serving", Path(__file__).with_suffix(".cc")
    # Sessions and kernels register themselves: the linker must keep a library of which no symbol is named.
    kept = ["-Wl,--no-as-needed", "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    links = [f"-L{libraries}", f"-Wl,-rpath,{libraries}", *kept]
    subprocess.run(["g++", "-w", *tf.sysconfig.get_compile_flags(), source, "-o", program, *links], check=True)
    return program
