"""An open checkpoint: configuration, layout and every parameter under its canonical name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bertferry.convert.additions import check_merged, check_not_fairseq, check_scope
from bertferry.convert.classifier_config import ClassifierConfig
from bertferry.convert.config_inference import infer_config, own_config
from bertferry.convert.configuration import read_config
from bertferry.convert.graph_facts import GraphFacts, read_graph_facts
from bertferry.convert.initialization import initial_value
from bertferry.convert.layout import Form, Layout
from bertferry.convert.layouts import LAYOUTS
from bertferry.convert.layouts.bert4keras import way_out
from bertferry.convert.layouts.saved_model import MODULE_FAMILIES
from bertferry.convert.locate import Location, locate
from bertferry.convert.match import Match, best_match, sample, with_nearest
from bertferry.convert.readers import open_readers
from bertferry.convert.readers.reader import Reader, TensorInfo, same_bits
from bertferry.convert.sentence_files import read_sentence
from bertferry.convert.source_options import SourceOptions
from bertferry.convert.tokenizer.reader import TokenizerReading, read_tokenizer
from bertferry.convert.vocabulary import Vocabulary, read_vocabulary
from bertferry.core import axes
from bertferry.core.architectures import ARCHITECTURES
from bertferry.core.config import EncoderConfig
from bertferry.core.errors import DataError, UsageError
from bertferry.core.inner_outputs import inner_outputs
from bertferry.core.parameters import canonical_axes
from bertferry.core.sentence import Sentence
from bertferry.core.tasks import TaskSpec, task_spec


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in which every tensor is accounted for. Values are read on demand.

    `classifier` is what its configuration says about a classifier.
    `initialized` are parameters of heads that the file lacks: they have the initial values of BERT.
    `options` are those with which it was opened.
    `inner` are the kinds of `bertferry.core.inner_outputs` that its tasks return besides their own outputs.
    """

    location: Location
    config: EncoderConfig
    reader: Reader
    match: Match
    classifier: ClassifierConfig
    initialized: tuple[str, ...] = ()
    options: SourceOptions = SourceOptions()
    inner: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """The layout that was detected."""
        return self.match.layout

    @cached_property
    def vocabulary(self) -> Vocabulary | None:
        """Its tokens, if it has a vocabulary.

        Raises:
          BertferryError: it cannot be read, or has more tokens than the token embedding table has rows.
        """
        path = self.location.vocabulary
        return None if path is None else read_vocabulary(path, self.config.vocab_size)

    @cached_property
    def tokenizer_reading(self) -> TokenizerReading | None:
        """Its tokenizer, if it has a vocabulary or files of another kind, and what these contradict.

        Raises:
          BertferryError: its files cannot be read, or nothing says whether texts are lower-cased.
        """
        return self.read_tokenizer(self.vocabulary)

    def read_tokenizer(self, vocabulary: Vocabulary | None) -> TokenizerReading | None:
        """The same with another vocabulary."""
        config = self.config
        sizes = {"positions": config.max_length, "types": config.type_vocab_size}
        return read_tokenizer(self.location, vocabulary, self.options, **sizes, architecture=config.architecture)

    @cached_property
    def sentence(self) -> Sentence:
        """How its outputs become the embedding of a text.

        Raises:
          UsageError: neither files nor options say it, or they say something that is not supported.
        """
        return read_sentence(self.location, self.options)

    @property
    def heads(self) -> tuple[str, ...]:
        """The task heads in the file, by their names in `bertferry.core.tasks`."""
        return self.match.form.heads

    @property
    def is_decided(self) -> bool:
        """Whether names and configuration show which heads they are."""
        return not self.match.twins

    @property
    def sizes(self) -> Mapping[str, int]:
        """Axis sizes by name; `classes` is present if the file has a classifier."""
        return self.match.sizes

    @property
    def parameters(self) -> tuple[str, ...]:
        """Canonical names of the parameters in the file, and of the initialized ones."""
        return (*self.match.found, *self.initialized)

    def task(self, name: str) -> TaskSpec:
        """A task of this encoder, which may have no pooler, with the outputs on request."""
        own = self.match.form.pooler or "pooler/kernel" in self.initialized  # else it is part of a head
        spec = task_spec(name, pooler=own and "pooler/kernel" in self.parameters)
        if spec.poolings:
            spec = replace(spec, poolings=self.sentence.poolings)
        return replace(spec, inner=inner_outputs(self.inner, self.config.num_layers))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen among the files, and what the programs that use them compute otherwise."""
        return (
            *self.location.notes,
            *self.location.left_out,
            *(self.layout.notes[head] for head in self.heads if head in self.layout.notes),
        )

    def outside_sample(self) -> str:
        """The first tensors outside the encoder that belong to no known head."""
        return sample(with_nearest(self.match, self.match.outside))

    def stored_name(self, parameter: str) -> str:
        """The name under which the file stores a parameter."""
        return self.match.found[parameter][0]

    def stored_info(self, parameter: str) -> TensorInfo:
        """Shape and dtype of a parameter as it is stored in the file."""
        if parameter in self.initialized:
            return TensorInfo(axes.shape(canonical_axes(parameter), self.sizes), "float32")
        return self.reader.tensors[self.stored_name(parameter)]

    def stored_axes(self, parameter: str) -> str:
        """How a parameter is laid out in the file."""
        return canonical_axes(parameter) if parameter in self.initialized else self.match.found[parameter][1].axes

    def read(self, parameter: str, wanted: str | None = None) -> np.ndarray:
        """A parameter laid out as the axes `wanted`, by default as the networks hold it.

        Raises:
          DataError: its bytes are damaged.
        """
        if parameter in self.initialized:
            value = initial_value(parameter, self.sizes, self.config.initializer_range)
        else:
            value = self.reader.read(self.stored_name(parameter))
        target = canonical_axes(parameter) if wanted is None else wanted
        return axes.rearrange(value, self.stored_axes(parameter), target, self.sizes)


def open_checkpoint(
    path: str | Path, options: SourceOptions = SourceOptions(), *, strict: bool = True
) -> Checkpoint:
    """Opens a checkpoint in any layout.

    Args:
      path: a prefix, a directory, a `.safetensors` file, or a released archive of one of these.
      options: how to read it, if its files do not determine that.
      strict: refuse a checkpoint with missing, unexpected or misshapen tensors; else they are listed in `match`.

    Raises:
      UsageError: a missing or unreadable file or configuration, or an unknown layout name.
      DataError: tensors that contradict the configuration, or damaged bytes.
    """
    location = locate(path, options.config)
    facts = read_graph_facts(location.graph) if location.graph and not location.config else GraphFacts()
    options = replace(
        options,
        num_attention_heads=options.num_attention_heads or facts.num_attention_heads,
        activation=options.activation or facts.activation,
    )
    stored = None
    if location.config is not None:
        # Which names an HDF5 file has, and with them what gelu means, only its tensors show.
        shown = "keras" if location.file_format == "hdf5" else location.file_format
        stored = read_config(location.config, shown, activation=options.activation)
    readers = open_readers(location, options.prefix)
    classifier = (stored.classifier if stored else ClassifierConfig()).with_labels(options.labels)
    candidates = _candidates(options.layout, stored.architecture if stored else None)

    def read_as(reader: Reader, place: str | None) -> Checkpoint:
        config = stored.encoder if stored else infer_config(reader, candidates, location.path, options, place)
        if facts.layer_norm_eps is not None:
            config = replace(config, layer_norm_eps=facts.layer_norm_eps)

        def config_of(layout: Layout, form: Form, place: str) -> EncoderConfig:
            return own_config(reader, layout, form, place, config) if stored else config

        best = best_match(reader, candidates, config_of, location.path, place, classifier.head, strict=strict)
        if best.layout.architecture == "bert":
            check_scope(location.path, best.place)
        if location.config is not None:
            kind = "tensorflow" if best.layout.family in MODULE_FAMILIES else location.file_format
            config = read_config(location.config, kind, best.layout.architecture, options.activation).encoder
            _check_stated(location.config, config, options)
        found = config_of(best.layout, best.form, best.place)
        if location.config is None:
            found = _of_architecture(location.path, found, best.layout.architecture)
        return Checkpoint(location, found, reader, best, classifier, options=options)

    check_merged(location.path, readers[0][0].tensors)
    check_not_fairseq(location.path, readers[0][0].tensors)
    fitting = [(reader, place) for reader, place in readers if _has_token_table(reader, candidates)]
    try:
        checkpoint = _first_success(read_as, fitting or readers[:1])
    except DataError as error:
        raise DataError(str(error.args[0]), error.args[1] or way_out(readers[0][0])) from error
    if strict:
        _check_copies(checkpoint)
    return checkpoint


def _check_stated(path: Path, config: EncoderConfig, options: SourceOptions) -> None:
    """Refuses what a user states otherwise than the configuration, which would be ignored."""
    for name in ("activation", "num_attention_heads"):
        given, stored = getattr(options, name), getattr(config, name)
        if given not in (None, stored):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{path}: its {name} is {stored}, not {given}: leave out {flag}, or change the file")


def _of_architecture(path: Path, config: EncoderConfig, architecture: str) -> EncoderConfig:
    """An inferred configuration of the architecture that the tensors show.

    Raises:
      UsageError: its ε and its positions depend on what only a configuration says.
    """
    if ARCHITECTURES[architecture].counts_positions:
        raise UsageError(
            f"{path}: no configuration found, and no tensor shows layer_norm_eps and pad_token_id",
            "name one with --config FILE",
        )
    return replace(config, architecture=architecture)


def _has_token_table(reader: Reader, layouts: Iterable[Layout]) -> bool:
    """Whether a reader finds the token embedding table, which every encoder has, under some layout's name."""
    return any(layout.naming == reader.naming and reader.places(layout.anchor) for layout in layouts)


def _first_success(
    read_as: Callable[[Reader, str | None], Checkpoint], readers: Sequence[tuple[Reader, str | None]]
) -> Checkpoint:
    """The result of the first reader whose names fit a layout; if none fit, the first reader's error."""
    errors: list[DataError] = []
    for reader, place in readers:
        try:
            return read_as(reader, place)
        except DataError as error:
            errors.append(error)
    raise errors[0]


def _candidates(name: str, architecture: str | None) -> tuple[Layout, ...]:
    """The layouts that a name covers: its own, and those of other architectures in the same kind of file."""
    layouts = tuple(layout for layout in LAYOUTS.values() if name in ("auto", layout.name, layout.family))
    if architecture is None:
        return layouts
    tables = ARCHITECTURES[architecture].tables
    return tuple(layout for layout in layouts if layout.architecture == tables)


def _check_copies(checkpoint: Checkpoint) -> None:
    """The two copies of a tied weight must be equal, or one of them would be lost."""
    for key, parameter in checkpoint.match.copies.items():
        original = checkpoint.reader.read(checkpoint.stored_name(parameter))
        if not same_bits(checkpoint.reader.read(key), original):
            raise DataError(
                f"{checkpoint.location.path}: {key} differs from {checkpoint.stored_name(parameter)}, "
                "which the model ties to it: no layout can hold both"
            )
