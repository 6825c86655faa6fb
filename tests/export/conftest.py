import numpy as np
import pytest

from bertferry.export import export_hub_module


@pytest.fixture(scope="session")
def module(golden, tmp_path_factory):
    """A Hub module of the golden encoder."""
    output = tmp_path_factory.mktemp("hub") / "module"
    export_hub_module(golden / "tf1_core_L2", output)
    return output


@pytest.fixture(scope="session")
def text_source(golden, tmp_path_factory):
    """The golden encoder with a vocabulary of its size beside it."""
    import shutil

    source = tmp_path_factory.mktemp("text") / "source"
    shutil.copytree(golden / "tf1_core_L2", source)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{i}" for i in range(25))]
    (source / "vocab.txt").write_text("\n".join(words) + "\n")
    return source


@pytest.fixture(scope="session")
def expected(golden):
    """What TF 1.15.5 computed for `golden_inputs`."""
    with np.load(golden / "tf1_core_L2.npz") as stored:
        return {"sequence_output": stored["seq"], "pooled_output": stored["pooled"]}
