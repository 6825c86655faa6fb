"""Models of sentence-transformers of every kind, written by that package itself, and its embeddings.

Usage: sentence_models.py FOLDER [MODEL...]

Writes FOLDER/NAME for each of `cases()`, and FOLDER/embeddings.json with the embeddings of `TEXTS` by these models
and by each MODEL. Needs the package sentence-transformers.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "texts"
EMBEDDINGS = "embeddings.json"
VERSIONS = ("sentence-transformers", "transformers", "tokenizers", "torch")
TEXTS = (
    *("the movie is good", "Der Film ist schön!", "a", "", " ", "query: what [MASK] is", "ΑΣ İ e\u0301 x"),
    "Für MÖCHTE Straße 中文 한국어 " + "the movie " * 40,
)
POOLINGS = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
LEGACY = (
    *("pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_mean_tokens"),
    *("pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"),
)
"""Keys of `POOLINGS` until version 5."""
PROMPTS = {"query": "query: ", "passage": "the good: ", "STS-B": "Film ", "none": ""}
ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid")
HIDDEN, LENGTH, SEED = 16, 32, 21


@dataclass(frozen=True)
class Case:
    """What a model has.

    Attributes:
      poolings: of `POOLINGS`.
      include_prompt: whether the tokens of a prompt are pooled, too.
      prompts, default: by name, and the name of the one that is used if none is given.
      layers: what follows the pooling: `Normalize`, or a Dense by its activation and whether it has a bias.
      lower: `do_lower_case` of `sentence_bert_config.json`.
      length: `max_seq_length` there.
      tokenizer: keys of `tokenizer_config.json`.
      legacy: in the files of version 2.
    """

    poolings: tuple[str, ...] = ("mean",)
    include_prompt: bool = True
    prompts: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    layers: tuple[str | tuple[str, bool], ...] = ()
    lower: bool = False
    length: int | None = LENGTH
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    legacy: bool = False


def cases() -> Iterator[tuple[str, Case]]:
    """All cases by name."""
    two_prompts = {"query": PROMPTS["query"], "none": ""}
    for poolings in (*((pooling,) for pooling in POOLINGS), POOLINGS, ("max", "cls"), ("mean", "mean")):
        yield f"{' + '.join(poolings)}, prompt left out", Case(poolings, False, two_prompts, "query")
    yield "all, version 2", Case(POOLINGS, layers=("Normalize",), legacy=True)
    yield "prompt left out, version 2", Case(POOLINGS, False, two_prompts, "query", legacy=True)
    yield "a default prompt", Case(prompts=PROMPTS, default="passage", layers=("Normalize",))
    yield "an empty default prompt", Case(prompts=two_prompts, default="none")
    yield "prompts, no default", Case(prompts=PROMPTS)
    for activation in ACTIVATIONS:
        for bias in (True, False):
            named = f"Dense {activation}{'' if bias else ' without bias'}"
            yield named, Case(layers=((activation, bias),))
    two = (("Tanh", True), ("Identity", False))
    yield "two Dense, scaled", Case(("max", "mean"), layers=(*two, "Normalize"))
    yield "scaled, then Dense", Case(layers=("Normalize", ("GELU", True)))
    yield "two Dense, version 2", Case(("mean",), layers=(*two, "Normalize"), legacy=True)
    cased = {"do_lower_case": False}
    yield "cased", Case(tokenizer=cased)
    yield "cased, lower-cased first", Case(tokenizer=cased, lower=True, layers=("Normalize",))
    yield "cased without accents, lower-cased first", Case(tokenizer=cased | {"strip_accents": True}, lower=True)
    yield "lower-cased first, version 2", Case(tokenizer=cased, lower=True, legacy=True)
    yield "lower-cased twice", Case(lower=True)
    for length in (3, 12, 64):
        yield f"cut at {length}", Case(POOLINGS, length=length)
    yield "cut at the tokenizer's length", Case(length=None, tokenizer={"model_max_length": 9})
    yield "longer than the tokenizer's length", Case(length=40, tokenizer={"model_max_length": 9})
    yield "longer, version 2", Case(length=40, tokenizer={"model_max_length": 9}, legacy=True)
    yield "no length", Case(length=None)
    left = {"padding_side": "left", "truncation_side": "left"}
    yield "left", Case(POOLINGS, include_prompt=False, prompts=two_prompts, default="query", tokenizer=left)


def write_model(case: Case, folder: Path) -> None:
    """Writes a model with seeded weights of its Dense layers."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense, Normalize, Pooling, Transformer

    torch.manual_seed(SEED)
    source = folder.parent / "source"
    shutil.copytree(FIXTURES, source)
    keys = {"tokenizer_class": "BertTokenizer", **case.tokenizer}
    (source / "tokenizer_config.json").write_text(json.dumps(keys), encoding="utf-8")
    modules = [Transformer(str(source)), Pooling(HIDDEN, case.poolings, case.include_prompt)]
    width = HIDDEN * len(case.poolings)
    for layer in case.layers:
        if isinstance(layer, str):
            modules.append(Normalize())
            continue
        modules.append(Dense(width, width := 7, layer[1], getattr(torch.nn, layer[0])()))
    model = SentenceTransformer(
        modules=modules, prompts=dict(case.prompts), default_prompt_name=case.default, device="cpu"
    )
    model.save(str(folder), create_model_card=False)
    shutil.copy(source / "tokenizer_config.json", folder)
    shutil.rmtree(source)
    if case.lower or case.length or case.legacy:
        config = {"max_seq_length": case.length, "do_lower_case": case.lower}
        (folder / "sentence_bert_config.json").write_text(json.dumps(config), encoding="utf-8")
    if case.legacy:
        _as_of_version_2(case, folder)


def _as_of_version_2(case: Case, folder: Path) -> None:
    """Renames what had other names."""
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    for module in modules:
        module["type"] = f"sentence_transformers.models.{module['type'].rpartition('.')[2]}"
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    modes = {key: name in case.poolings for key, name in zip(LEGACY, POOLINGS, strict=True)}
    pooling = {"word_embedding_dimension": HIDDEN, **modes, "include_prompt": case.include_prompt}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")


def embed(folder: Path) -> dict[str, list[list[float]]]:
    """The embeddings of `TEXTS` by the name of the prompt, '' for none; each text is a batch of its own."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    own = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8")).get("prompts", {})
    names = {"": None, **{name: name for name in own}}
    return {
        key: [model.encode([text], prompt_name=name)[0].tolist() for text in TEXTS] for key, name in names.items()
    }


def main() -> None:
    """Writes models and embeddings."""
    from importlib.metadata import version

    target, *further = map(Path, sys.argv[1:])
    found = {}
    for name, case in cases():
        write_model(case, target / name)
        found[name] = embed(target / name)
    found |= {str(model): embed(model) for model in further}
    versions = {name: version(name) for name in VERSIONS}
    (target / EMBEDDINGS).write_text(json.dumps({"versions": versions, "embeddings": found}), encoding="utf-8")


if __name__ == "__main__":
    main()
