"""Writes tests/fixtures/texts/subwords.json: vocabularies that are not of word pieces, with ids of transformers.

Run it with a Python that has transformers and sentencepiece, and the sources on its path:
`python tools/subword_tokenizers.py > tests/fixtures/texts/subwords.json`. The vocabularies are trained on the
texts that judge eight bits, with a short map of characters; trained anew, they may differ from those of before.
"""

import json
import os
import random
import shutil
import sys
import tempfile
from base64 import b64encode
from importlib import import_module
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
sys.path.append(str(Path(__file__).parents[1] / "tests"))
COUNT, SEED, PIECES = 60, 16, 300
CHARACTERS = {
    "\t": " ",
    "\n": " ",
    "\u00a0": " ",
    "\u3000": " ",
    "ﬁ": "fi",
    "½": "1⁄2",
    "e\u0301": "é",
    "①": "1",
    "\u200b": "",
}
WORDS = (
    *(
        "The",
        "cat",
        "planet",
        "planets",
        "encoder",
        "<ent>",
        "<mask>",
        "<s>",
        "</s>",
        "<pad>",
        "<unk>",
        "[CLS]",
        "[SEP]",
    ),
    *(
        "[MASK]",
        "(a)",
        "U.S.",
        "3-1",
        "``x''",
        "naïve",
        "NAÏVE",
        "e\u0301",
        "ﬁnal",
        "½",
        "①",
        "日本",
        "İs",
        "Straße",
        "▁",
    ),
    *(
        "▁a",
        "it's",
        "£5",
        "\u00a0",
        "\u2028",
        "\u200b",
        "\u0085",
        "\x00",
        "\ufeff",
        "👩\u200d👧",
        "<s>NOTUSED",
        "zzzzzz",
    ),
)


def random_text(rng):
    """Words, characters of any script, and blanks between them or not."""
    parts = []
    for _ in range(rng.randrange(9)):
        any_characters = "".join(
            chr(rng.choice((rng.randrange(33, 0x3000), rng.randrange(0xE000, 0x20000)))) for _ in "ab"
        )
        parts += [rng.choice((*WORDS, any_characters)), rng.choice(("", " ", " ", "  ", "\n"))]
    return "".join(parts)


def vocabularies(folder, texts):
    """Trains them: byte-level BPE, and SentencePiece with and without special pieces, in base64."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=PIECES, special_tokens=special, initial_alphabet=alphabet)
    )
    bpe.model.save(str(folder))
    corpus, rules = folder / "texts.txt", folder / "rules.tsv"
    rules.write_text(
        "".join(f"{_hex(one)}\t{_hex(other)}\n" for one, other in CHARACTERS.items()), encoding="utf-8"
    )
    found = {
        "others": {name: (folder / name).read_text(encoding="utf-8") for name in ("vocab.json", "merges.txt")}
    }
    albert = {
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": -1,
        "eos_id": -1,
        "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
    }
    for name, settings in (
        ("others", {}),
        ("albert", {**albert, "user_defined_symbols": ["(", ")", "-", ".", "£"]}),
    ):
        corpus.write_text(
            "\n".join(text.lower() if name == "albert" else text for text in texts), encoding="utf-8"
        )
        import_module("sentencepiece").SentencePieceTrainer.train(
            input=str(corpus),
            model_prefix=str(folder / name),
            vocab_size=PIECES,
            hard_vocab_limit=False,
            normalization_rule_tsv=str(rules),
            minloglevel=2,
            **settings,
        )
        model = b64encode((folder / f"{name}.model").read_bytes()).decode()
        found[name] = {**found.get(name, {}), "model": model}
    return found


def _hex(text):
    return " ".join(f"{ord(character):X}" for character in text)


def main():
    """Writes the vocabularies, the texts, and their ids by case."""
    import subword_cases
    from transformers import AutoTokenizer

    from bertferry.verify.sample_texts import SAMPLE_TEXTS

    rng, folder = random.Random(SEED), Path(tempfile.mkdtemp())
    try:
        values = {
            "vocabularies": vocabularies(folder, SAMPLE_TEXTS),
            "texts": [random_text(rng) for _ in range(COUNT)],
        }
        subword_cases.STORED = folder / "subwords.json"  # which cases are written from
        subword_cases.STORED.write_text(json.dumps(values), encoding="utf-8")
        values["ids"] = {}
        for number, name in enumerate(subword_cases.CASES):
            genuine = AutoTokenizer.from_pretrained(subword_cases.write_case(folder / str(number), name))
            length = min(genuine.model_max_length, subword_cases.POSITIONS)
            rows = [genuine(text, truncation=True, max_length=length)["input_ids"] for text in values["texts"]]
            values["ids"][name] = rows
    finally:
        shutil.rmtree(folder)
    print(json.dumps(values, ensure_ascii=False))


if __name__ == "__main__":
    main()
