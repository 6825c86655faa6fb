"""Writes text modules and compares them with their source."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bertferry.core.errors import UsageError
from bertferry.core.progress import ProgressCallback
from bertferry.core.sentence import Sentence
from bertferry.export.module_writer import Module, save, variables
from bertferry.export.text_assets import TextAssets
from bertferry.verify import PROFILES, Report
from bertferry.verify.artifact import Artifact, checkpoint_artifact
from bertferry.verify.artifact_comparison import Judgment, compare_artifacts
from bertferry.verify.runners.strings import StringModuleRunner
from bertferry.verify.string_comparison import as_string_source, string_probes

if TYPE_CHECKING:  # a wrong flag must be reported without loading TensorFlow
    pass


def write_preprocessing(directory: Path, module: Module) -> None:
    """Writes a module that maps strings to encoder inputs."""
    from bertferry.export.text_module import build_preprocessing

    assets = _assets_of(module)
    length = assets.tokenizer.length(module.source.config.max_length)
    built, signatures = build_preprocessing(_vocabulary_of(module), assets.tokenizer, length)
    save(built, directory, signatures, assets=assets)


def write_text_embedding(directory: Path, module: Module) -> None:
    """Writes a module that maps strings to embeddings."""
    import tensorflow as tf

    from bertferry.export.network import Network
    from bertferry.export.text.pooling import build_layers, pool
    from bertferry.export.text_module import build_text_embedding

    assets, sentence = _assets_of(module), _sentence_of(module)
    parameters = variables(module)
    network = Network(module.source.config, parameters)
    layers, weights = build_layers(sentence.layers)

    def embed(inputs: Mapping[str, tf.Tensor], pooled: tf.Tensor, training: bool) -> tf.Tensor:
        outputs = network.run(inputs, (), training=training, encoder=True)
        sequence, first = outputs["sequence_output"], outputs.get("pooled_output")
        vectors = pool(sentence.poolings, sequence, first, pooled, inputs["input_mask"])
        for layer in layers:
            vectors = layer(vectors)
        return vectors

    length = assets.tokenizer.length(module.source.config.max_length, padded=False)
    built, signatures = build_text_embedding(
        _vocabulary_of(module), assets.tokenizer, length, sentence, embed, [*parameters.values(), *weights]
    )
    save(built, directory, signatures, assets=assets)


def check_preprocessing(module: Module, directory: Path, progress: ProgressCallback | None = None) -> Report:
    """Compares the inputs that the module makes of texts with those of the source's own tokenizer."""
    return _compare(module, directory, "preprocessing", progress)


def check_text_embedding(module: Module, directory: Path, progress: ProgressCallback | None = None) -> Report:
    """Compares embeddings of texts with the source's network, whose outputs are pooled independently."""
    return _compare(module, directory, "text", progress)


def _compare(
    module: Module, directory: Path, kind: Literal["preprocessing", "text"], progress: ProgressCallback | None
) -> Report:
    encoder = checkpoint_artifact(module.source, "encoder")
    own = replace(encoder, tokenizer=lambda: _assets_of(module).tokenizer)  # of the vocabulary that may be given
    reference = as_string_source(own, kind, module.sentence)
    return compare_artifacts(
        reference,
        [Artifact(f"hub {module.target}", lambda: StringModuleRunner(directory), strings=kind)],
        Judgment(PROFILES[module.precision]),
        inputs=string_probes(reference, kind),
        progress=progress,
    )


def _assets_of(module: Module) -> TextAssets:
    if module.assets is None:
        raise UsageError(f"{module.source.location.path}: no vocabulary next to it: give one with --vocab FILE")
    return module.assets


def _vocabulary_of(module: Module) -> Path:
    path = _assets_of(module).vocabulary
    assert path is not None  # `check_exact` refuses tokenizers without word pieces
    return path


def _sentence_of(module: Module) -> Sentence:
    assert module.sentence is not None
    return module.sentence
