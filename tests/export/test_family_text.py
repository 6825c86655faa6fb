"""Word pieces of ELECTRA, DistilBERT, MPNet and others become the ids of their genuine tokenizers in graphs."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from judges import Judge
from subword_cases import write_case
from text_cases import POSITIONS, WORDS
from text_cases import write_case as write_pieces

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.convert.locate import locate
from bertferry.convert.tokenizer.reader import read_tokenizer
from bertferry.convert.vocabulary import read_vocabulary
from bertferry.core.errors import UsageError
from bertferry.core.tasks import ENCODER_INPUTS
from bertferry.export.text_assets import check_exact, find_text_assets

pytest.importorskip("tensorflow_text", reason="pip install 'bertferry[text]'")
tf = Judge("tensorflow")
tokenizers = Judge("tokenizers")
MPNET = ["<s>", "<pad>", "</s>", "<unk>", *WORDS[5:], "[UNK]", "<mask>"]
KOREAN = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", *WORDS[5:]]
CASES = {
    "electra": ("electra", WORDS, {"tokenizer_class": "ElectraTokenizer", "do_lower_case": False}),
    "distilbert": ("distilbert", WORDS, {"tokenizer_class": "DistilBertTokenizer", "model_max_length": 12}),
    "mpnet": ("mpnet", MPNET, {"do_lower_case": True}),
    "roberta": ("roberta", KOREAN, {"tokenizer_class": "BertTokenizer", "do_lower_case": False}),
    "albert": ("albert", WORDS, {"tokenizer_class": "BertTokenizer"}),
}
"""By name: the architecture, the vocabulary, the configuration of the tokenizer."""


def genuine(words, config, *, mpnet):
    """The tokenizer as the package `tokenizers` builds it: that of MPNet has RoBERTa's frame."""
    names = {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "[UNK]", "mask": "<mask>"}
    if not mpnet:
        names = {role: f"[{role.upper()}]" for role in names}
    numbers = {word: number for number, word in enumerate(words)}
    built = tokenizers.Tokenizer(tokenizers.models.WordPiece(numbers, unk_token="[UNK]"))
    built.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=config.get("do_lower_case", True))
    built.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    cls, sep = ((names[role], numbers[names[role]]) for role in ("cls", "sep"))
    frame = tokenizers.processors.RobertaProcessing if mpnet else tokenizers.processors.BertProcessing
    built.post_processor = frame(sep, cls)
    token = tokenizers.AddedToken
    added = {role: token(name, lstrip=mpnet and role == "mask") for role, name in names.items()}
    built.add_special_tokens(list(added.values()))
    built.enable_padding(pad_id=numbers[names["pad"]], length=config.get("model_max_length", POSITIONS))
    built.enable_truncation(config.get("model_max_length", POSITIONS))
    return built


def random_texts(count=200):
    """Words, special tokens, and characters of any script."""
    rng = random.Random(16)
    special = [
        "<s>",
        "</s>",
        "<pad>",
        "<mask>",
        "[MASK]",
        "[CLS]",
        "[UNK]",
        "<unk>",
        "Möchte",
        "中文",
        "e\u0301",
        "\x85",
    ]
    texts = []
    for _ in range(count):
        code = [rng.choice((rng.randrange(33, 0x3000), rng.randrange(0xE000, 0x20000))) for _ in range(4)]
        parts = [rng.choice((*special, *WORDS[5:], "".join(map(chr, code)))) for _ in range(rng.randrange(8))]
        texts.append(rng.choice(("", " ", "  ")).join(parts))
    return texts


@pytest.mark.parametrize("name", CASES)
def test_ids_mask_and_padding_are_those_of_the_genuine_tokenizer(tmp_path, name):
    from bertferry.export.text.packing import Packer
    from bertferry.export.text.tokenization import GraphTokenizer

    architecture, words, config = CASES[name]
    location = locate(write_pieces(tmp_path, {"tokenizer_config.json": config}, words))
    vocabulary = read_vocabulary(location.vocabulary, len(words))
    tokenizer = read_tokenizer(
        location, vocabulary, SourceOptions(), positions=POSITIONS, types=1, architecture=architecture
    ).tokenizer
    assert not tokenizer.inexact
    texts, want = random_texts(), genuine(words, config, mpnet=architecture == "mpnet")
    length = tokenizer.length(POSITIONS, padded=False)
    packed = Packer(tokenizer).pack([GraphTokenizer(tokenizer).tokenize(tf.constant(texts))], length)
    rows = want.encode_batch(texts)
    ids, mask, types = (packed[input_name].numpy() for input_name in ENCODER_INPUTS)
    np.testing.assert_array_equal(ids, [row.ids for row in rows])
    np.testing.assert_array_equal(mask, [row.attention_mask for row in rows])
    assert not types.any()
    assert {int(ids[row, -1]) for row in range(len(rows)) if not mask[row, -1]} == {tokenizer.ids["pad"]}


@pytest.mark.parametrize(
    ("name", "cutter"),
    [("roberta of Fast", "byte-level BPE"), ("xlm-roberta", "SentencePiece"), ("albert", "SentencePiece")],
)
def test_other_tokenizers_are_refused_in_modules_of_strings_and_carried_by_others(tmp_path, name, cutter):
    source = open_checkpoint(write_case(tmp_path / "source", name))
    with pytest.raises(
        UsageError, match=f"no module of strings can be right: .* cuts texts with {cutter}"
    ) as error:
        check_exact(source)
    assert "export the encoder, with --task encoder" in error.value.args[1]
    assets = find_text_assets(source, None)
    assert (assets.vocabulary, assets.do_lower_case) == (None, None)
    (tmp_path / "assets").mkdir()
    written = {path.name: path for path in assets.write_tokenizer(tmp_path / "assets")}
    own = {path.name for path in (tmp_path / "source").iterdir()} - {"config.json", "model.safetensors"}
    assert written.keys() == {*own, "tokenizer_config.json"}
    assert "Tokenizer" in json.loads(written["tokenizer_config.json"].read_text())["tokenizer_class"]
    for file in own - {"tokenizer_config.json"}:
        assert written[file].read_bytes() == (tmp_path / "source" / file).read_bytes()
    folder = replace(source.location, tokenizer_config=written["tokenizer_config.json"], file_format="tensorflow")
    again = read_tokenizer(folder, None, SourceOptions(), positions=POSITIONS, types=2).tokenizer
    assert again.backend == source.tokenizer_reading.tokenizer.backend
