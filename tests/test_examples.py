"""The examples run unchanged, and the models learn."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bertferry.export import ModuleOptions, export_hub_module

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def module(golden, tmp_path_factory):
    output = tmp_path_factory.mktemp("examples") / "module"
    export_hub_module(golden / "tf1_core_L2", output, ModuleOptions(verify=False))
    return output


@pytest.mark.slow
@pytest.mark.parametrize("example", ["finetune_hub.py", "finetune_keras3.py"])
def test_an_example_halves_its_loss(module, example):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(
        [sys.executable, EXAMPLES / example, module], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    found = re.search(r"loss ([\d.]+) before, ([\d.]+) after", run.stdout)
    assert found, run.stdout
    assert float(found[2]) < float(found[1]) / 2
