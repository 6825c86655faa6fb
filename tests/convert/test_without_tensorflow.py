"""Conversion between any two layouts works without importing TensorFlow."""

import shutil
import subprocess
import sys

import pytest

from bertferry.convert import TARGETS

BLOCKED = """
import sys
for name in ("tensorflow", "tf_keras", "keras", "torch", "tensorflow_hub", "onnx"):
    sys.modules[name] = None
from bertferry.convert.command import main
"""
"""Begins a program in which importing any of these fails."""
PAIRS = f"""{BLOCKED}
for number, target in enumerate(sys.argv[3:]):
    assert main(["--input", sys.argv[1], "--output", f"{{sys.argv[2]}}/{{number}}", "--to", target]) == 0, target
assert main(["--diff", f"{{sys.argv[2]}}/0", f"{{sys.argv[2]}}/1"]) == 0
assert main(["--input", sys.argv[1], "--inspect"]) == 0
"""
COMMANDS = f"""{BLOCKED}
def run(*arguments):
    assert main(["--input", *map(str, arguments)]) == 0, arguments

assert main(["--list-layouts"]) == 0
source, archive, saved_model, out = sys.argv[1:]
run(source, "--output", f"{{out}}/dry", "--dry-run")
for dtype in ("float16", "bfloat16", "float64"):
    run(source, "--output", f"{{out}}/{{dtype}}", "--dtype", dtype)
run(source, "--output", f"{{out}}/head", "--task", "classifier", "--init-missing-head", "--num-labels", "3")
run(archive, "--output", f"{{out}}/archive", "--to", "tf1")
run(saved_model, "--output", f"{{out}}/saved_model", "--to", "tf1", "--config", f"{{source}}/bert_config.json")
assert main(["--diff", f"{{out}}/archive", f"{{out}}/saved_model"]) == 0
"""


SOURCES = (
    *("tf1_core_L2", "tf_20_model_L2_2D_20", "keras_bert_L2_21", "garden2.20.0_L2_V2", "huggingface"),
    *("hf_bin_core_L2_sharded", "hf_tf_core_L2_second", "hf_flax_core_L2_sharded"),
)


@pytest.mark.parametrize("source", SOURCES)
def test_no_pair_of_layouts_imports_it(golden, tmp_path, source):
    folder = golden / source
    if source == "huggingface":
        folder = tmp_path / "huggingface"
        make = [sys.executable, "-c", "from bertferry.convert.command import run; run()"]
        subprocess.run(
            [*make, "--input", golden / "tf1_core_L2", "--output", folder, "--to", source], check=True, timeout=60
        )
    subprocess.run([sys.executable, "-c", PAIRS, folder, tmp_path, *TARGETS], check=True, timeout=60)


def test_no_other_use_of_the_command_imports_it(golden, tmp_path):
    saved_model = tmp_path / "saved_model"
    (saved_model / "variables").mkdir(parents=True)
    (saved_model / "saved_model.pb").touch()  # its own graph says nothing that the graph of its variables does not
    for path in (golden / "keras_bert_L2_21").glob("*.ckpt-1.*"):
        shutil.copy(path, saved_model / "variables" / path.name.replace("bert_model.ckpt-1", "variables"))
    archive = shutil.make_archive(tmp_path / "bert", "zip", golden / "tf1_core_L2")
    places = [golden / "tf1_core_L2", archive, saved_model, tmp_path / "out"]
    subprocess.run([sys.executable, "-c", COMMANDS, *places], check=True, timeout=60)
