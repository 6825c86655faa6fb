"""How the files of sentence-transformers decide what becomes of an encoder's outputs."""

import json
import shutil

import pytest

from bertferry.convert.locate import locate
from bertferry.core.errors import UsageError
from bertferry.export.sentence import SentenceChoices, read_sentence_choices


def module(name, path=""):
    return {"path": path, "type": f"sentence_transformers.models.{name}"}


@pytest.fixture
def embedder(golden, tmp_path):
    """A checkpoint with the files of sentence-transformers beside it."""

    def write(*modules):
        folder = shutil.copytree(golden / "tf1_core_L2", tmp_path / "m")
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
        return locate(folder)

    return write


def test_dropout_is_off_outside_training(embedder):
    modules = (module("Transformer"), module("Pooling", "1_Pooling"), module("Dropout"), module("Normalize"))
    assert read_sentence_choices(embedder(*modules), None) == SentenceChoices("cls", True, 128)


@pytest.mark.parametrize("pooling", [None, "cls"])
@pytest.mark.parametrize("name", ["Dense", "LayerNorm", "WordWeights", "LSTM"])
def test_a_layer_that_belongs_to_the_embedding_is_never_left_out(embedder, name, pooling):
    location = embedder(module("Transformer"), module("Pooling", "1_Pooling"), module(name, "2_Own"))
    with pytest.raises(UsageError, match=f"modules.json: unsupported module {name}: embeddings would be wrong"):
        read_sentence_choices(location, pooling)
