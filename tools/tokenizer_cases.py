"""Writes tests/fixtures/texts/genuine.json: folders of tokenizers, and the ids that transformers gives with them.

Run it with a Python that has transformers: `python tools/tokenizer_cases.py > tests/fixtures/texts/genuine.json`.
Every folder has the vocabulary beside that file; a case has the other files, the class, texts and their ids.
"""

import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "texts"
CASES, TEXTS, SEED = 80, 6, 21
OTHER_NAMES = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
OWN_CLASSES = ("BertTokenizer", "BertTokenizerFast", "ElectraTokenizer", "DistilBertTokenizer", "MPNetTokenizer")
GENERIC = ("PreTrainedTokenizerFast", "TokenizersBackend", "UnheardOfTokenizer")
ADDED = ("<ent>", "movie2", "[E1]", "Möchte", "xyz", "good", "good movie", "中")
PIECES = (
    *("the", "Movie", "möchte", "MÖCHTE", "[MASK]", "[E1]", "<ent>", " <ent> ", "movie2", "xyz", "Xyz", "中文"),
    *(
        "日本語",
        "good",
        "good  movie",
        "\x00",
        "\u2028",
        "\t",
        "İs",
        "naïve",
        "e\u0301",
        "<mask>",
        "</s>",
        "[SEP]",
    ),
    *("gut,", "abcdefghijklm", "[CLS]", "#", "한국어", "\u200b", "\ufffd", "Möchte"),
)


def flags(rng, content, **fixed):
    """A token as an object with random flags."""
    names = ("lstrip", "rstrip", "single_word", "normalized", "special")
    return {"content": content, **{name: rng.random() < 0.5 for name in names}, **fixed}


def normalizer(rng):
    """A BertNormalizer with random settings, or a step of another kind."""
    keys = ("clean_text", "handle_chinese_chars", "lowercase")
    settings = {"type": "BertNormalizer", "strip_accents": rng.choice((True, False, None))}
    settings |= {key: rng.random() < 0.5 for key in keys}
    return rng.choice((settings, settings, settings, None, {"type": "Lowercase"}, {"type": "NFKC"}))


def post_processor(rng, names, ids):
    """A frame of every kind."""
    cls, sep = [names["cls"], ids["cls"]], [names["sep"], ids["sep"]]
    start, end = ({"SpecialToken": {"id": token[0], "type_id": 0}} for token in (cls, sep))
    first, second = ({"Sequence": {"id": which, "type_id": number}} for number, which in enumerate("AB"))
    known = {token: {"id": token, "ids": [number], "tokens": [token]} for token, number in (cls, sep)}
    template = {"type": "TemplateProcessing", "single": [start, first], "pair": [first, end, second]}
    return rng.choice(
        (
            {"type": "BertProcessing", "sep": sep, "cls": cls},
            {"type": "RobertaProcessing", "sep": sep, "cls": cls, "trim_offsets": True, "add_prefix_space": False},
            {**template, "special_tokens": known},
            None,
        )
    )


def backend(rng, words, names, declared):
    """A `tokenizer.json`."""
    ids = {role: words.index(name) for role, name in names.items()}
    added = [{"id": ids[role], **flags(rng, names[role], special=True, normalized=False)} for role in names]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added + [{"id": number, **token} for number, token in declared.items()],
        "normalizer": normalizer(rng),
        "pre_tokenizer": {"type": rng.choice(("BertPreTokenizer", "BertPreTokenizer", "WhitespaceSplit"))},
        "post_processor": post_processor(rng, names, ids),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": names["unk"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": rng.choice((100, 100, 8)),
            "vocab": {word: number for number, word in enumerate(words)},
        },
    }


def make_case(rng, words):
    """The files of a folder, by name, with its vocabulary."""
    usual = {role: f"[{role.upper()}]" for role in OTHER_NAMES}
    names = OTHER_NAMES if rng.random() < 0.3 else usual
    words = [next((names[role] for role in usual if usual[role] == word), word) for word in words]
    name = rng.choice((*OWN_CLASSES, *GENERIC, None))
    config = {} if name is None else {"tokenizer_class": name}
    for key, values in (
        ("do_lower_case", (True, False)),
        ("strip_accents", (True, False, None)),
        ("tokenize_chinese_chars", (True, False)),
        ("split_special_tokens", (True,)),
        ("truncation_side", ("left",)),
        ("padding_side", ("left",)),
        ("model_max_length", (12, 20, 10**30)),
        ("never_split", (["xyz"],)),
    ):
        if rng.random() < 0.3:
            config[key] = rng.choice(values)
    roles = {**names, "bos": names["cls"], "eos": names["sep"]} if name == "MPNetTokenizer" else names
    if names is OTHER_NAMES or name == "MPNetTokenizer":
        config |= {f"{role}_token": token for role, token in roles.items()}
    declared, following = {}, len(words)
    for token in rng.sample(ADDED, rng.randint(0, 3)):
        number = words.index(token) if token in words else following
        following += number == following
        declared[number] = flags(rng, token)
    files = {"tokenizer_config.json": config}
    how = rng.choice(("decoder", "file", "list", "backend"))
    if how == "decoder":
        config["added_tokens_decoder"] = {str(number): token for number, token in declared.items()}
    if how == "file":
        files["added_tokens.json"] = {token["content"]: number for number, token in declared.items()}
    if how == "list":
        config["additional_special_tokens"] = [token["content"] for token in declared.values()]
    if name in GENERIC or rng.random() < 0.3:
        files["tokenizer.json"] = backend(rng, words, names, declared if how == "backend" else {})
    return words, files


def genuine(rng, words, files):
    """The class, the texts and the ids by transformers."""
    from transformers import AutoTokenizer

    texts = [
        "".join(rng.choice(PIECES) + rng.choice(("", " ")) for _ in range(rng.randint(1, 8))) for _ in range(TEXTS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(FIXTURES / "config.json", folder)
        Path(folder, "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
        for name, values in files.items():
            Path(folder, name).write_text(json.dumps(values), encoding="utf-8")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        cut = tokenizer.model_max_length if tokenizer.model_max_length < 64 else 64
        ids = [tokenizer(text, truncation=True, max_length=cut)["input_ids"] for text in texts]
        pair = tokenizer(texts[0], texts[1], truncation=True, max_length=64)["input_ids"]
    return {"texts": texts, "ids": ids, "pair": pair, "length": cut, "padding_side": tokenizer.padding_side}


def main():
    """Writes the cases."""
    import tokenizers
    import transformers

    rng = random.Random(SEED)
    words = (FIXTURES / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    cases = []
    for _ in range(CASES):
        own, files = make_case(rng, words)
        if "tokenizer.json" in files:
            files["tokenizer.json"]["model"]["vocab"] = {word: number for number, word in enumerate(own)}
        case = genuine(rng, own, files)
        if "tokenizer.json" in files:
            del files["tokenizer.json"]["model"]["vocab"]  # as in vocab.txt
        cases.append({"names": own[:5], "files": files, **case})
    versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    json.dump({"versions": versions, "cases": cases}, sys.stdout, ensure_ascii=False, indent=None)
    print()


if __name__ == "__main__":
    main()
