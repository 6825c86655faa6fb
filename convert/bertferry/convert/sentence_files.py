"""Reads from the files of sentence-transformers what follows an encoder, and what precedes its texts.

https://sbert.net/docs/package_reference/sentence_transformer/models.html: `modules.json` lists the modules,
`1_Pooling/config.json` sets the pooling, `config_sentence_transformers.json` the prompts.
"""

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile
from typing import Any

from bertferry.convert.locate import Location
from bertferry.convert.paths import MODULES
from bertferry.convert.sentence_modules import (
    ENCODERS,
    SentenceModule,
    are_carried,
    copy_modules,
    model_folder,
    read_modules,
    write_modules,
)
from bertferry.convert.source_options import SourceOptions
from bertferry.convert.tokenizer.files import SENTENCE_CONFIGS, sentence_config, typed
from bertferry.convert.vocabulary import read_object
from bertferry.convert.weight_files import FIRST_NAMES, FURTHER_NAMES, find_weights
from bertferry.core.errors import UsageError
from bertferry.core.sentence import ACTIVATIONS, POOLING_MODES, POOLINGS, Dense, Normalize, Sentence

PROMPTS = "config_sentence_transformers.json"
EMBEDDING = "sentence_embedding"
LAST_LAYER = {
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
    "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    **dict.fromkeys(("processing_kwargs", "query_length", "document_length", "query_expansion")),
}
"""Settings of the encoder under which it gives the vectors of its last layer, as without them."""


def read_sentence(location: Location, options: SourceOptions = SourceOptions()) -> Sentence:
    """Reads the files beside a checkpoint; `pooling` and `normalize` of the options replace what they say.

    Raises:
      UsageError: no pooling is configured or given, or a module, mode or activation is not supported.
    """
    folder = model_folder(location)
    poolings = () if options.pooling is None else (options.pooling,)
    own: tuple[str, ...] = ()
    layers: list[Dense | Normalize] = []
    include_prompt = True
    for module in read_modules(folder):
        if module.kind in ("Dense", "Normalize", "Pooling") and (module.kind == "Pooling") == bool(own):
            raise UsageError(f"{folder / MODULES}: {module.kind} {'follows' if own else 'precedes'} the pooling")
        if module.kind == "Pooling":
            own = poolings or _poolings(module)
            include_prompt = typed(module.config, "include_prompt", bool, module.file) is not False
        elif module.kind == "Dense":
            layers.append(_dense(module, location, len(layers)))
        elif module.kind == "Normalize":
            _check_of_embedding(module)
            layers.append(Normalize())
        elif module.kind not in (*ENCODERS, "Dropout"):  # which is off outside training
            raise UsageError(
                f"{folder / MODULES}: unsupported module {module.kind}: embeddings would be wrong without it: "
                "export the encoder alone, with --task encoder"
            )
    if not (own or poolings):
        raise UsageError(f"{folder}: no pooling is configured: give --pooling {', '.join(POOLINGS)}")
    _check_encoder(sentence_config(location.path.parent if location.graph is None else folder))
    prompts, default = _prompts(folder / PROMPTS)
    return Sentence(own or poolings, include_prompt, _scaled(layers, options.normalize), prompts, default)


def text_files(location: Location) -> list[Path]:
    """The files beside a checkpoint that say something about its texts, whatever follows the encoder."""
    folders = (model_folder(location), location.path.parent)
    own = [folder / name for folder in folders for name in SENTENCE_CONFIGS] + [folders[0] / PROMPTS]
    return list({path.name: path for path in own if path.is_file()}.values())


def carried_sentence(location: Location) -> Sentence | None:
    """What follows the encoder, if it is known without further weights."""
    try:
        sentence = read_sentence(location) if (model_folder(location) / MODULES).is_file() else None
    except UsageError:
        return None
    has_weights = sentence is not None and any(isinstance(layer, Dense) for layer in sentence.layers)
    return None if has_weights else sentence


def copy_sentence_files(directory: Path, location: Location, options: SourceOptions, hidden: int) -> None:
    """Copies what sentence-transformers needs beside a conversion, or writes what a SavedModel or a user says.

    Without a module that is not carried, embeddings would be wrong: then `modules.json` stays behind.

    Raises:
      UsageError: as `stated_sentence`.
    """
    for file in text_files(location):
        copyfile(file, directory / file.name)
    sentence = stated_sentence(location, options)
    if sentence is not None:
        write_modules(directory, sentence, hidden)
    elif location.graph is None and are_carried(location):
        copy_modules(directory, model_folder(location))


def stated_sentence(location: Location, options: SourceOptions) -> Sentence | None:
    """What a SavedModel or a user says, which no files of sentence-transformers do yet; None if neither does.

    Raises:
      UsageError: a pooling that sentence-transformers has not, or none although embeddings are to be scaled.
    """
    has_assets = location.graph is not None and (model_folder(location) / MODULES).is_file()
    if not (options.about_embeddings or has_assets):
        return None
    sentence = read_sentence(location, options)
    if "pooled" in sentence.poolings:
        raise UsageError("--pooling pooled: the files of sentence-transformers cannot say it: choose another")
    return sentence


def _scaled(layers: list[Dense | Normalize], normalize: bool | None) -> tuple[Dense | Normalize, ...]:
    """The layers with a scaling as their last, or without one, if that is stated."""
    if normalize is None:
        return tuple(layers)
    while layers and isinstance(layers[-1], Normalize):
        layers = layers[:-1]
    return (*layers, Normalize()) if normalize else tuple(layers)


def _poolings(module: SentenceModule) -> tuple[str, ...]:
    """The modes that a pooling turns on, in the order in which it concatenates them."""
    values = module.config
    modes = [key for key, value in values.items() if key.startswith("pooling_mode_") and value]
    named = values.get("pooling_mode", modes)  # sentence-transformers 6 has a name, or a list in their order
    names = [str(name).removesuffix("_tokens") for name in ([named] if isinstance(named, str) else named or ())]
    if "pooling_mode" not in values:
        names = [name for mode, name in POOLING_MODES.items() if mode in modes]
    unknown = [mode for mode in modes if mode not in POOLING_MODES]
    unknown += [name for name in names if name not in POOLING_MODES.values()]
    if unknown or not names:
        known = ", ".join(POOLING_MODES)
        raise UsageError(f"{module.file}: {' and '.join(unknown) or 'no pooling mode'}: expected some of {known}")
    return tuple(names)


def _dense(module: SentenceModule, location: Location, number: int) -> Dense:
    """A layer, whose weights are in its folder, or under its number among the variables of a SavedModel."""
    path, values = module.file, module.config
    sizes = [typed(values, key, int, path) for key in ("in_features", "out_features")]
    if None in sizes:
        raise UsageError(f"{path}: in_features and out_features are missing")
    stated = typed(values, "activation_function", str, path) or ACTIVATIONS["tanh"]
    activation = stated.rpartition(".")[2].lower()
    if activation not in ACTIVATIONS or not stated.startswith("torch."):
        raise UsageError(f"{path}: unsupported activation {stated}: expected one of {', '.join(ACTIVATIONS)}")
    if typed(values, "use_residual", bool, path):
        raise UsageError(f"{path}: use_residual is true: only a layer without a residual is supported")
    _check_of_embedding(module)
    has_bias = typed(values, "bias", bool, path) is not False
    layer = int(sizes[0] or 0), int(sizes[1] or 0), has_bias, activation
    if location.graph is not None:
        return Dense(*layer, location.path, f"sentence/dense_{number}")
    weights = find_weights(module.folder, (*FIRST_NAMES, *FURTHER_NAMES))
    if weights is None:
        raise UsageError(
            f"{module.folder}: no weights of its layer: neither model.safetensors nor pytorch_model.bin"
        )
    return Dense(*layer, weights[1])


def _check_of_embedding(module: SentenceModule) -> None:
    for key in ("module_input_name", "module_output_name"):
        if typed(module.config, key, str, module.file) not in (None, EMBEDDING):
            raise UsageError(
                f"{module.file}: {key} is {module.config[key]!r}: only a layer on the embedding is supported"
            )


def _check_encoder(path: Path | None) -> None:
    """Refuses settings under which the encoder gives others than the vectors of its last layer."""
    values = _object(path) if path else {}
    for key, usual in LAST_LAYER.items():
        if values.get(key) not in (None, {}, usual):
            raise UsageError(
                f"{path}: {key} is {values[key]!r:.60}: only the vectors of the last layer are pooled"
            )


def _prompts(path: Path) -> tuple[dict[str, str], str | None]:
    """The prompts by name, and the name of the default one."""
    values: Mapping[str, Any] = _object(path)
    prompts = typed(values, "prompts", dict, path) or {}
    if not all(isinstance(text, str | None) for text in prompts.values()):
        raise UsageError(f"{path}: prompts is {prompts!r:.60}: expected texts by name")
    default = typed(values, "default_prompt_name", str, path)
    known = {str(name): text or "" for name, text in prompts.items()}
    if default is not None and default not in known:
        raise UsageError(
            f"{path}: default_prompt_name is {default!r}: its prompts are {', '.join(known) or 'none'}"
        )
    return known, default


def _object(path: Path) -> dict[str, Any]:
    return read_object(path) if path.is_file() else {}
