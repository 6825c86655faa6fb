"""Conversion between any two layouts works without importing TensorFlow."""

import subprocess
import sys

import pytest

from bertferry.convert import TARGETS

PROGRAM = """
import sys
from bertferry.convert.command import main

for number, target in enumerate(sys.argv[3:]):
    assert main(["--input", sys.argv[1], "--output", f"{sys.argv[2]}/{number}", "--to", target]) == 0, target
assert main(["--diff", f"{sys.argv[2]}/0", f"{sys.argv[2]}/1"]) == 0
assert main(["--input", sys.argv[1], "--inspect"]) == 0
found = sorted({name.partition(".")[0] for name in sys.modules} & {"tensorflow", "tf_keras", "keras", "torch"})
assert not found, found
"""


@pytest.mark.parametrize("source", ["tf1_core_L2", "keras_bert_L2_21", "garden2.20.0_L2_V2", "huggingface"])
def test_no_pair_of_layouts_imports_it(golden, tmp_path, source):
    folder = golden / source
    if source == "huggingface":
        folder = tmp_path / "huggingface"
        make = [sys.executable, "-c", "from bertferry.convert.command import run; run()"]
        subprocess.run(
            [*make, "--input", golden / "tf1_core_L2", "--output", folder, "--to", source], check=True, timeout=60
        )
    subprocess.run([sys.executable, "-c", PROGRAM, folder, tmp_path, *TARGETS], check=True, timeout=60)
