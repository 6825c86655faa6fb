"""An opened checkpoint: configuration, layout and every parameter under its canonical name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bertferry.convert.classifier_config import ClassifierConfig
from bertferry.convert.configuration import read_config
from bertferry.convert.initialization import initial_value
from bertferry.convert.config_inference import infer_config
from bertferry.convert.layout import Layout
from bertferry.convert.layouts import LAYOUTS
from bertferry.convert.locate import Location, locate
from bertferry.convert.match import Match, best_match, sample, with_nearest
from bertferry.convert.readers import open_readers
from bertferry.convert.readers.reader import Reader, TensorInfo
from bertferry.convert.source_options import SourceOptions
from bertferry.core import axes
from bertferry.core.config import EncoderConfig
from bertferry.core.errors import DataError, UsageError
from bertferry.core.parameters import canonical_axes


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose every tensor is accounted for. Values are read when asked for.

    `classifier` is what its configuration says about a classifier.
    `fresh` are parameters of heads that the file lacks: they have the values that BERT starts them from.
    """

    location: Location
    config: EncoderConfig
    reader: Reader
    match: Match
    classifier: ClassifierConfig
    fresh: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """The layout that the file was found to have."""
        return self.match.layout

    def check_bert(self) -> None:
        """Refuses an architecture that converts, but that no network here computes.

        Raises:
          UsageError: it is another than BERT's.
        """
        if self.layout.architecture != "bert":
            raise UsageError(
                f"{self.location.path}: {self.layout.architecture.upper()} checkpoints convert between "
                "tf1 and huggingface, but no network here runs them"
            )

    @property
    def heads(self) -> tuple[str, ...]:
        """The task heads in the file, by their names in `bertferry.core.tasks`."""
        return self.match.form.heads

    @property
    def sizes(self) -> Mapping[str, int]:
        """Axis sizes by name; `classes` is there when the file has a classifier."""
        return self.match.sizes

    @property
    def parameters(self) -> tuple[str, ...]:
        """Canonical names of the parameters in the file, and of the fresh ones."""
        return (*self.match.found, *self.fresh)

    def outside_sample(self) -> str:
        """The first tensors beside the encoder that no head accounts for."""
        return sample(with_nearest(self.match, self.match.outside))

    def stored_name(self, parameter: str) -> str:
        """The name under which the file keeps a parameter."""
        return self.match.found[parameter][0]

    def stored_info(self, parameter: str) -> TensorInfo:
        """Shape and dtype of a parameter as it lies in the file."""
        if parameter in self.fresh:
            return TensorInfo(axes.shape(canonical_axes(parameter), self.sizes), "float32")
        return self.reader.tensors[self.stored_name(parameter)]

    def stored_axes(self, parameter: str) -> str:
        """How a parameter lies in the file."""
        return canonical_axes(parameter) if parameter in self.fresh else self.match.found[parameter][1].axes

    def load(self, parameter: str, wanted: str) -> axes.Tensor:
        """A parameter laid out as the axes `wanted`, as an array of the reader's library where it is read.

        Raises:
          DataError: its bytes are damaged.
        """
        if parameter in self.fresh:
            return self.read(parameter, wanted)
        value = self.reader.load(self.stored_name(parameter))
        return axes.rearrange(value, self.stored_axes(parameter), wanted, self.sizes, self.reader.library)

    def read(self, parameter: str, wanted: str | None = None) -> np.ndarray:
        """A parameter laid out as the axes `wanted`, by default as the networks hold it.

        Raises:
          DataError: its bytes are damaged.
        """
        if parameter in self.fresh:
            value = initial_value(parameter, self.sizes, self.config.initializer_range)
        else:
            value = self.reader.read(self.stored_name(parameter))
        target = canonical_axes(parameter) if wanted is None else wanted
        array: np.ndarray = axes.rearrange(value, self.stored_axes(parameter), target, self.sizes)
        return array


def open_checkpoint(
    path: str | Path, options: SourceOptions = SourceOptions(), *, strict: bool = True
) -> Checkpoint:
    """Opens a checkpoint in any layout.

    Args:
      path: a prefix, a directory, a `.safetensors` file, or an archive of one of these as released.
      options: how it is read, where its files leave it open.
      strict: refuse a checkpoint with missing, unexpected or misshapen tensors; without it they stand in `match`.

    Raises:
      UsageError: a missing or unreadable file or configuration, or an unknown layout name.
      DataError: tensors that contradict the configuration, or damaged bytes.
    """
    location = locate(path, options.config)
    stored = read_config(location.config, location.file_format) if location.config is not None else None
    classifier = stored.classifier if stored else ClassifierConfig()
    candidates = _candidates(options.layout, stored.model_type if stored else None)

    def read_as(reader: Reader, place: str | None) -> Checkpoint:
        config = stored.encoder if stored else infer_config(reader, candidates, location.path, options)
        best = best_match(reader, candidates, config, location.path, place, classifier.head, strict=strict)
        return Checkpoint(location, config, reader, best, classifier)

    readers = open_readers(location, options.prefix)
    able = [way for way in readers if _has_token_table(way[0], candidates)]
    checkpoint = _first_success(read_as, able or readers[:1])
    if strict:
        _check_copies(checkpoint)
    return checkpoint


def _has_token_table(reader: Reader, layouts: Iterable[Layout]) -> bool:
    """Whether a reader finds under some layout's name what every encoder has."""
    return any(layout.naming == reader.naming and reader.places(layout.anchor) for layout in layouts)


def _first_success(
    read_as: Callable[[Reader, str | None], Checkpoint], readers: Sequence[tuple[Reader, str | None]]
) -> Checkpoint:
    """What the first reader gives whose names fit a layout; where none do, what the first one says."""
    failed: list[DataError] = []
    for reader, place in readers:
        try:
            return read_as(reader, place)
        except DataError as error:
            failed.append(error)
    raise failed[0]


def _candidates(name: str, architecture: str | None) -> tuple[Layout, ...]:
    """The layouts that a name stands for: itself, and those of other architectures in the same kind of file."""
    found = tuple(layout for layout in LAYOUTS.values() if name in ("auto", layout.name, layout.family))
    if architecture is None:
        return found
    return tuple(layout for layout in found if layout.architecture == architecture)


def _check_copies(checkpoint: Checkpoint) -> None:
    """A tied weight stored twice must be the same twice, or one of the two would be lost."""
    for key, parameter in checkpoint.match.copies.items():
        original = checkpoint.reader.read(checkpoint.stored_name(parameter))
        if not same_bits(checkpoint.reader.read(key), original):
            raise DataError(
                f"{checkpoint.location.path}: {key} differs from {checkpoint.stored_name(parameter)}, "
                "which the model ties to it: no layout can hold both"
            )


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays agree in type, shape and every bit, NaN and signed zero included."""
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
