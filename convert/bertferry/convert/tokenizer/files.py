"""The files that say something about a tokenizer, as JSON objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bertferry.convert.graph_facts import read_graph_facts
from bertferry.convert.keras_hub_config import tokenizer_keys
from bertferry.convert.locate import Location
from bertferry.convert.tokenizer.sentencepiece import find_model
from bertferry.convert.vocabulary import ADDED, TOKENIZER, TOKENIZER_CONFIG, read_object
from bertferry.core.errors import UsageError

SPECIAL_TOKENS_MAP = "special_tokens_map.json"
SENTENCE_CONFIGS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
"""Of sentence-transformers, which takes the first that exists; since version 2 it writes the first name."""
PASSED_ON = ("tokenizer_args", "processor_kwargs")
"""Keys with settings that sentence-transformers passes on, in the place of the tokenizer's own."""
OF_TRANSFORMERS = ("safetensors", "pytorch", "msgpack")
"""Formats of files that transformers writes."""
BYTE_LEVEL = ("vocab.json", "merges.txt")
"""The files of byte-level BPE."""
PIECE_FILES = (*BYTE_LEVEL, "bpe.codes", "dict.txt")
"""What tokenizers that are not of word pieces may need besides a model of SentencePiece."""
FURTHER_NAMES = ("bos_token", "eos_token")
T = TypeVar("T")


@dataclass(frozen=True)
class TokenizerFiles:
    """What the files beside a checkpoint say; an absent one says nothing.

    Attributes:
      folder: where they are.
      config: `tokenizer_config.json`, or what the graph of a module or a preset of KerasHub says.
      backend: `tokenizer.json` of `tokenizers`.
      special: `special_tokens_map.json`.
      added: `added_tokens.json`.
      sentence: one of `SENTENCE_CONFIGS`.
      sentence_path: where that is.
      encoder: `config.json`.
      of_transformers: whether transformers wrote the weights.
      has_config: whether there is a `tokenizer_config.json`.
      model: the model of SentencePiece.
      pieces: the names of `PIECE_FILES` that are there.
      has_word_pieces: whether there is a vocabulary of word pieces, and nothing else that texts are cut with.
    """

    folder: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    backend: Mapping[str, Any] = field(default_factory=dict)
    special: Mapping[str, Any] = field(default_factory=dict)
    added: Mapping[str, Any] = field(default_factory=dict)
    sentence: Mapping[str, Any] = field(default_factory=dict)
    sentence_path: Path = Path(SENTENCE_CONFIGS[0])
    encoder: Mapping[str, Any] = field(default_factory=dict)
    of_transformers: bool = False
    has_config: bool = False
    model: Path | None = None
    pieces: tuple[str, ...] = ()
    has_word_pieces: bool = False

    def stated(self, key: str, kind: type[T]) -> T | None:
        """A setting of `tokenizer_config.json`, None if it states none.

        Raises:
          UsageError: it is of another type.
        """
        return typed(self.config, key, kind, self.folder / TOKENIZER_CONFIG)

    @property
    def keys(self) -> dict[str, Any]:
        """The keys of `tokenizer_config.json`, and the further special tokens that only their own file names."""
        named = {key: value for key, value in self.special.items() if key in FURTHER_NAMES}
        return {**named, **self.config}

    @property
    def says_something(self) -> bool:
        """Whether transformers finds a tokenizer here, beside a vocabulary of word pieces."""
        return self.has_config or bool(self.backend or self.pieces) or self.model is not None


def read_files(location: Location, vocabulary: Path | None) -> TokenizerFiles:
    """Reads the files beside a checkpoint, or else beside its vocabulary.

    Raises:
      UsageError: one of them is no JSON object.
    """
    config = location.tokenizer_config
    has_config = config is not None and config.name == TOKENIZER_CONFIG
    own = config if has_config else location.vocabulary or vocabulary
    folder = location.path.parent if own is None else own.parent
    if config is not None and config.suffix == ".pb":
        casing = read_graph_facts(config).do_lower_case
        values = {} if casing is None else {"do_lower_case": casing}
    else:
        values = {} if config is None else read_object(config)
    backend = _read(folder / TOKENIZER)
    encoder = _read(location.config) if location.config is not None and location.config.is_file() else {}
    path = sentence_config(folder) or folder / SENTENCE_CONFIGS[0]
    sentence = _read(path)
    model, pieces = find_model(folder), tuple(name for name in PIECE_FILES if (folder / name).is_file())
    for key in PASSED_ON:
        values = {**values, **(typed(sentence, key, dict, path) or {})}
    return TokenizerFiles(
        folder,
        tokenizer_keys(values) or values,
        {} if tokenizer_keys(backend) else backend,
        _read(folder / SPECIAL_TOKENS_MAP),
        _read(folder / ADDED),
        sentence,
        path,
        encoder,
        location.file_format in OF_TRANSFORMERS or isinstance(encoder.get("model_type"), str),
        has_config,
        model,
        pieces,
        (vocabulary or location.vocabulary) is not None and model is None and not pieces,
    )


def sentence_config(folder: Path) -> Path | None:
    """The file in a folder that says how sentence-transformers calls the tokenizer and the encoder."""
    return next((folder / name for name in SENTENCE_CONFIGS if (folder / name).is_file()), None)


def typed(values: Mapping[str, Any], key: str, kind: type[T], path: Path) -> T | None:
    """The value of a key, None if it is absent or null.

    Raises:
      UsageError: it is of another type.
    """
    value = values.get(key)
    if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise UsageError(f"{path}: {key} is {value!r:.60}: expected {NAMES.get(kind, kind.__name__)}")
    return value


NAMES: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    str: "a text",
    dict: "an object",
    list: "a list",
}


def _read(path: Path) -> dict[str, Any]:
    return read_object(path) if path.is_file() and path.suffix == ".json" else {}
