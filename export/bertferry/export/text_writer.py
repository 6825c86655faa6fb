"""Writes text modules and compares them with their source."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bertferry.core.errors import DataError, UsageError
from bertferry.core.progress import ProgressCallback
from bertferry.export.module_writer import Module, save, variables
from bertferry.export.sentence import MAX_LENGTH, SentenceChoices
from bertferry.export.text_assets import TextAssets
from bertferry.verify import PROFILES, Report
from bertferry.verify.artifact import Artifact, checkpoint_artifact
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts
from bertferry.verify.runner import Runner

WORDS_CHECKED = 1000


def write_preprocessing(directory: Path, module: Module) -> None:
    """Writes a module that maps strings to encoder inputs."""
    from bertferry.export.text_module import build_preprocessing

    assets = _assets_of(module)
    length = min(MAX_LENGTH, module.source.config.max_position_embeddings)
    built, signatures = build_preprocessing(assets.vocabulary, assets.do_lower_case, length)
    save(built, directory, signatures, assets=assets)


def check_preprocessing(module: Module, directory: Path, progress: ProgressCallback | None = None) -> None:
    """Checks that whole words of the vocabulary are tokenized to their own ids.

    Raises:
      DataError: a word is not.
    """
    import tensorflow as tf

    tokens = _assets_of(module).vocabulary.read_text(encoding="utf-8").split("\n")
    plain = re.compile("[a-z]+")
    words = {word: number for number, word in enumerate(tokens) if plain.fullmatch(word)}
    sample = list(words)[:WORDS_CHECKED]
    pieces = tf.saved_model.load(str(directory)).tokenize(tf.constant(sample, tf.string)).merge_dims(1, -1)
    for word, got in zip(sample, pieces.to_list(), strict=True):
        if got != [words[word]]:
            raise DataError(f"{module.target}: not written: the word {word!r} becomes {got}, not [{words[word]}]")


def write_text_embedding(directory: Path, module: Module) -> None:
    """Writes a module that maps strings to embeddings."""
    import tensorflow as tf

    from bertferry.export.hub_module import Network
    from bertferry.export.text_module import build_text_embedding, pool

    assets, sentence = _assets_of(module), _sentence_of(module)
    parameters = variables(module)
    network = Network(module.source.config, parameters)

    def embed(inputs: Mapping[str, tf.Tensor], training: bool) -> tf.Tensor:
        outputs = network.run(inputs, (), training=training, encoder=True)
        mask = inputs["input_mask"]
        vectors = pool(sentence.pooling, outputs["sequence_output"], outputs.get("pooled_output"), mask)
        return tf.linalg.l2_normalize(vectors, axis=-1) if sentence.normalize else vectors

    length = min(sentence.max_length, module.source.config.max_position_embeddings)
    built, signatures = build_text_embedding(
        assets.vocabulary, assets.do_lower_case, length, embed, list(parameters.values())
    )
    save(built, directory, signatures, assets=assets)


def check_text_embedding(module: Module, directory: Path, progress: ProgressCallback | None = None) -> Report:
    """Compares the module's `.embed` with the source's network, whose outputs are pooled independently."""
    reference = checkpoint_artifact(module.source, "encoder")
    sentence = _sentence_of(module)
    return compare_artifacts(
        replace(reference, open=lambda: PooledRunner(reference.open(), sentence)),
        [Artifact(f"savedmodel {module.target}", lambda: EmbedRunner(directory))],
        Judgment(PROFILES[module.precision]),
        progress=progress,
    )


class PooledRunner:
    """An encoder's outputs as embeddings, pooled in float64."""

    shares_mask = True

    def __init__(self, encoder: Runner, sentence: SentenceChoices) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._sentence = sentence

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`embeddings` [B, H]."""
        outputs = self._encoder.run(inputs)
        sequence = outputs["sequence_output"].astype(np.float64)
        weights = inputs["input_mask"][..., np.newaxis]
        vectors = {
            "cls": sequence[:, 0],
            "mean": (sequence * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1),
        }
        if "pooled_output" in outputs:
            vectors["pooled"] = outputs["pooled_output"].astype(np.float64)
        vectors = vectors[self._sentence.pooling]
        if self._sentence.normalize:
            lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
            vectors = vectors / np.where(lengths, lengths, 1)
        return {"embeddings": vectors.astype(np.float32)}


class EmbedRunner:
    """A text embedding's `.embed`."""

    shares_mask = True

    def __init__(self, directory: Path) -> None:
        import tensorflow as tf

        self.name = str(directory)
        self._loaded = tf.saved_model.load(str(directory))

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`embeddings` [B, H]."""
        import tensorflow as tf

        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        return {"embeddings": self._loaded.embed(tensors).numpy()}


def _assets_of(module: Module) -> TextAssets:
    if module.assets is None:
        raise UsageError(f"{module.source.location.path}: no vocabulary next to it: give one with --vocab FILE")
    return module.assets


def _sentence_of(module: Module) -> SentenceChoices:
    assert module.sentence is not None
    return module.sentence
