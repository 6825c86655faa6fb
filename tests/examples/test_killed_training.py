"""Training that was killed goes on to the same bits as training that was not."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from training.options import TrainingOptions

from bertferry.export import ModuleOptions, export_hub_module

ROOT = Path(__file__).parent.parent.parent
STEPS = sorted(random.Random(18).sample(range(20), 10))
"""Ten of the twenty steps, at random."""


def outcomes(tmp_path, source, *kills):
    """What each run to the end printed: losses, accuracies, the best step, a digest of the best weights."""
    child = [sys.executable, Path(__file__).parent / "training_child.py", source, tmp_path, *map(str, kills)]
    path = os.pathsep.join([str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(child, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("[")], run.stdout


@pytest.fixture(scope="module")
def module(golden, tmp_path_factory):
    output = tmp_path_factory.mktemp("killed") / "module"
    export_hub_module(golden / "tf1_core_L2", output, ModuleOptions(verify=False))
    return output


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["network", "module"])
def test_training_that_was_killed_ends_as_if_it_had_not(request, tmp_path, kind, step):
    source = kind if kind == "network" else request.getfixturevalue(kind)
    (undisturbed, resumed), _ = outcomes(tmp_path, source, step)
    assert resumed == undisturbed
    assert len(undisturbed[0]) == 4


@pytest.mark.slow
def test_best_weights_that_no_checkpoint_names_do_not_count(tmp_path):
    (undisturbed, resumed), printed = outcomes(tmp_path, "network", "best5")
    assert resumed == undisturbed
    assert printed.count("going on after step 3 of 20") == 1
    assert {path.name for path in (tmp_path / "best5").iterdir()} == {
        "run.json",
        "logs",
        "step-0000020",
        f"best-{undisturbed[1]:07}",
    }


def test_a_checkpoint_is_saved_before_it_is_needed():
    """The steps above are killed between checkpoints, and before the first one."""
    assert min(STEPS) < 3 < TrainingOptions().save_every
    assert {step % 3 for step in STEPS} == {0, 1, 2}
