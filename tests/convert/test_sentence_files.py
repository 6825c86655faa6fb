"""How the files of sentence-transformers decide what follows an encoder, and what precedes its texts."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from bertferry.convert import ConversionOptions, SourceOptions, convert_checkpoint
from bertferry.convert.locate import locate
from bertferry.convert.sentence_files import read_sentence
from bertferry.convert.sentence_modules import read_dense
from bertferry.core.errors import DataError, UsageError
from bertferry.core.sentence import Dense, Normalize, Sentence

MEAN = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
TANH = "torch.nn.modules.activation.Tanh"


def module(name, path=""):
    return {"path": path, "type": f"sentence_transformers.models.{name}"}


VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##s")
POOLED = (module("Transformer"), module("Pooling", "1_Pooling"))


@pytest.fixture
def embedder(golden, tmp_path):
    """Writes a checkpoint with the files of sentence-transformers beside it, and locates it."""

    def write(*modules, pooling=MEAN, dense=None, **files):
        folder = shutil.copytree(golden / "tf1_core_L2", tmp_path / "m")
        for name, values in {"modules": list(modules), **files}.items():
            (folder / f"{name}.json").write_text(json.dumps(values))
        for path, values in (("1_Pooling", pooling), ("2_Dense", dense)):
            (folder / path).mkdir()
            (folder / path / "config.json").write_text(json.dumps(values or {}))
        return locate(folder)

    return write


def test_dropout_is_off_outside_training(embedder):
    location = embedder(*POOLED, module("Dropout"), module("Normalize"))
    assert read_sentence(location) == Sentence(("mean",), layers=(Normalize(),))


@pytest.mark.parametrize(
    ("values", "poolings"),
    [
        ({"pooling_mode_cls_token": True}, ("cls",)),
        ({"pooling_mode_max_tokens": True}, ("max",)),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, ("mean_sqrt_len",)),
        ({"pooling_mode_weightedmean_tokens": True}, ("weightedmean",)),
        ({"pooling_mode_lasttoken": True}, ("lasttoken",)),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, ("cls", "mean")),
        ({"pooling_mode": "mean_sqrt_len_tokens"}, ("mean_sqrt_len",)),
        ({"pooling_mode": ["max", "cls"]}, ("max", "cls")),
    ],
)
def test_poolings_are_concatenated_in_their_order(embedder, values, poolings):
    location = embedder(*POOLED, pooling={**values, "include_prompt": False})
    assert read_sentence(location) == Sentence(poolings, include_prompt=False)
    assert read_sentence(location, SourceOptions(pooling="max")).poolings == ("max",)


def test_the_default_prompt_is_one_of_the_prompts(embedder):
    prompts = {"prompts": {"query": "q: ", "passage": "p: "}, "default_prompt_name": "query"}
    sentence = read_sentence(embedder(*POOLED, config_sentence_transformers=prompts))
    assert (sentence.prompts, sentence.default_prompt) == ({"query": "q: ", "passage": "p: "}, "query")


def test_a_dense_layer_is_read_with_its_weights(embedder):
    config = {"in_features": 8, "out_features": 3, "bias": True, "activation_function": TANH}
    location = embedder(*POOLED, module("Dense", "2_Dense"), dense=config)
    weight, bias = np.arange(24, dtype=np.float32).reshape(3, 8), np.ones(3, np.float32)
    path = location.path.parent / "2_Dense/model.safetensors"
    save_file({"linear.weight": weight, "linear.bias": bias}, path)
    (dense,) = read_sentence(location).layers
    assert isinstance(dense, Dense)
    kernel, own_bias = read_dense(dense)
    assert dense.activation == "tanh"
    assert kernel.tolist() == weight.T.tolist()
    assert own_bias.tolist() == [1, 1, 1]
    save_file({"linear.weight": weight}, path)
    with pytest.raises(DataError, match=r"model.safetensors: no tensor linear.bias"):
        read_dense(dense)


@pytest.mark.parametrize("pooling", [None, "cls"])
@pytest.mark.parametrize("name", ["LayerNorm", "WordWeights", "LSTM"])
def test_a_layer_that_belongs_to_the_embedding_is_never_left_out(embedder, name, pooling):
    location = embedder(*POOLED, module(name, "2_Own"))
    with pytest.raises(UsageError, match=f"modules.json: unsupported module {name}: embeddings would be wrong"):
        read_sentence(location, SourceOptions(pooling=pooling))


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ({"pooling": {"pooling_mode_new": True}}, "pooling_mode_new: expected some of"),
        ({"pooling": {"pooling_mode_cls_token": False}}, "no pooling mode: expected some of"),
        (
            {"config_sentence_transformers": {"default_prompt_name": "q"}},
            "default_prompt_name is 'q': its prompts",
        ),
        ({"config_sentence_transformers": {"prompts": {"q": 1}}}, "prompts is {'q': 1}: expected texts by name"),
        ({"dense": {"in_features": 8}}, "in_features and out_features are missing"),
        ({"dense": {"in_features": 8, "out_features": 8, "use_residual": True}}, "use_residual is true"),
        (
            {"dense": {"in_features": 8, "out_features": 8, "activation_function": "a.Own"}},
            "unsupported activation",
        ),
        (
            {"dense": {"in_features": 8, "out_features": 8, "activation_function": "their.Tanh"}},
            "unsupported activation their.Tanh",
        ),
        ({"dense": {"in_features": 8, "out_features": 8}}, "no weights of its layer"),
    ],
)
def test_what_is_not_supported_is_named(embedder, written, line):
    layers = (module("Dense", "2_Dense"),) if "dense" in written else ()
    with pytest.raises(UsageError, match=line):
        read_sentence(embedder(*POOLED, *layers, **written))


LENGTH = {"max_seq_length": 9}


def test_a_conversion_takes_the_modules_along(embedder, tmp_path):
    config = {"in_features": 8, "out_features": 3, "bias": False, "activation_function": TANH}
    location = embedder(*POOLED, module("Dense", "2_Dense"), dense=config, sentence_bert_config=LENGTH)
    save_file({"linear.weight": np.ones((3, 8), np.float32)}, location.path.parent / "2_Dense/model.safetensors")
    before, source = read_sentence(location), location.path
    own = source.parent / "2_Dense/model.safetensors"
    for number, layout in enumerate(("keras_bert", "huggingface", "tf1")):
        target = tmp_path / str(number)
        report = convert_checkpoint(source, target, ConversionOptions(to=layout, task="encoder"))
        assert not any("left out the module" in note for note in report.notes)
        source = target
    after = read_sentence(locate(source))
    assert after.facts() == before.facts()
    assert (source / "2_Dense/model.safetensors").read_bytes() == own.read_bytes()
    assert json.loads((source / "sentence_bert_config.json").read_text()) == LENGTH


@pytest.mark.parametrize("own", [module("Own", "2_Own"), {"path": "2_Own", "type": "theirs.Dense"}])
def test_a_conversion_leaves_modules_behind_that_are_not_the_packages(embedder, tmp_path, own):
    location = embedder(*POOLED, own, sentence_bert_config=LENGTH)
    report = convert_checkpoint(
        location.path, tmp_path / "out", ConversionOptions(to="huggingface", task="encoder")
    )
    assert not (tmp_path / "out/modules.json").exists()
    kind = own["type"].rpartition(".")[2]
    assert f"left out the module {kind} of modules.json" in report.notes
    assert json.loads((tmp_path / "out/sentence_bert_config.json").read_text()) == LENGTH


def test_a_module_outside_the_folder_is_refused(embedder, tmp_path):
    location = embedder(*POOLED, module("Dense", "../2_Dense"))
    with pytest.raises(UsageError, match=r"modules.json: the path '../2_Dense' is outside its folder"):
        convert_checkpoint(location.path, tmp_path / "out", ConversionOptions(to="huggingface", task="encoder"))


@pytest.mark.parametrize(
    "modules",
    [
        (module("Transformer"), module("Normalize", "2_Normalize"), module("Pooling", "1_Pooling")),
        (*POOLED, module("Pooling", "1_Pooling")),
    ],
)
def test_layers_follow_one_pooling(embedder, modules):
    with pytest.raises(UsageError, match=r"(Normalize precedes|Pooling follows) the pooling"):
        read_sentence(embedder(*modules))


@pytest.mark.parametrize(
    "settings",
    [
        {"transformer_task": "fill-mask"},
        {"modality_config": {"text": {"method": "forward", "method_output_name": "pooler_output"}}},
        {"query_length": 32},
    ],
)
def test_other_vectors_than_those_of_the_last_layer_are_refused(embedder, settings):
    with pytest.raises(UsageError, match=f"{next(iter(settings))} is .*: only the vectors of the last layer"):
        read_sentence(embedder(*POOLED, sentence_bert_config=settings))


def test_what_version_6_writes_about_the_encoder_is_accepted(embedder):
    text = {"method": "forward", "method_output_name": "last_hidden_state"}
    settings = {"transformer_task": "feature-extraction", "modality_config": {"text": text}}
    config = {**settings, "module_output_name": "token_embeddings"}
    assert read_sentence(embedder(*POOLED, sentence_bert_config=config)) == Sentence(("mean",))


def test_a_user_states_pooling_scaling_and_length(golden, tmp_path):
    """For sources whose files cannot say them; what was written says it from then on, in any layout."""
    stated = SourceOptions(do_lower_case=True, pooling="cls", normalize=True, max_seq_length=9)
    shutil.copytree(golden / "tf1_core_L2", tmp_path / "m")
    (tmp_path / "m" / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    convert_checkpoint(tmp_path / "m", tmp_path / "hf", ConversionOptions(to="huggingface"), source=stated)
    convert_checkpoint(tmp_path / "hf", tmp_path / "tf1", ConversionOptions(to="tf1"))
    for folder in ("hf", "tf1"):
        assert read_sentence(locate(tmp_path / folder)) == Sentence(("cls",), layers=(Normalize(),))
        assert json.loads((tmp_path / folder / "sentence_bert_config.json").read_text())["max_seq_length"] == 9
    assert read_sentence(locate(tmp_path / "hf"), SourceOptions(normalize=False)).layers == ()
    shorter = SourceOptions(max_seq_length=7)
    convert_checkpoint(tmp_path / "tf1", tmp_path / "back", ConversionOptions(to="huggingface"), source=shorter)
    assert json.loads((tmp_path / "back" / "sentence_bert_config.json").read_text())["max_seq_length"] == 7


def test_what_nobody_states_about_embeddings_is_said(golden, tmp_path):
    shutil.copytree(golden / "tf1_core_L2", tmp_path / "m")
    (tmp_path / "m" / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")

    def notes(**stated):
        source = SourceOptions(do_lower_case=True, **stated)
        options = ConversionOptions(to="huggingface")
        report = convert_checkpoint(tmp_path / "m", tmp_path / "out", options, source=source, dry_run=True)
        return [note.split(":")[0] for note in report.notes if "embeddings" in note or "cut" in note]

    scaling, length = "embeddings are not scaled", "texts are cut at 16 tokens, the most it has positions for"
    assert notes(pooling="mean") == [scaling, length]
    assert notes(pooling="mean", normalize=False) == [length]
    assert notes(pooling="mean", normalize=True, max_seq_length=9) == []
    assert notes() == []


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("stated", "line"),
    [
        (SourceOptions(normalize=True), "no pooling is configured: give --pooling"),
        (SourceOptions(pooling="pooled"), "--pooling pooled: the files of sentence-transformers cannot say it"),
    ],
)
def test_what_no_file_could_say_is_refused(golden, tmp_path, stated, line, dry_run):
    with pytest.raises(UsageError, match=line):
        convert_checkpoint(golden / "tf1_core_L2", tmp_path / "out", source=stated, dry_run=dry_run)
    assert list(tmp_path.iterdir()) == []
