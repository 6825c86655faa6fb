"""The model that is fine-tuned: built from a checkpoint or a Hub module, written as a checkpoint again."""

import json
import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import tensorflow as tf
import tf_keras

from bertferry.convert import Checkpoint, ConversionOptions, convert_checkpoint, open_checkpoint
from bertferry.convert.converter import CHECKPOINT_NAME
from bertferry.convert.loading import load_network
from bertferry.core.atomic import new_directory, replace_file
from bertferry.core.errors import UsageError
from bertferry.core.parameters import canonical_axes
from bertferry.modeling.builders import classifier_model
from bertferry.modeling.variables import named_variables
from classification.head import initial_kernel
from classification.job import Job
from classification.targets import own_classes

HEAD = "classifier/kernel"
CONFIG, REPORT = "bert_config.json", "conversion_report.json"


def write_start(job: Job, folder: Path) -> Checkpoint:
    """The checkpoint that training starts from, in the layout `keras_bert`, with a head and its classes.

    Without a head in the source it has a new one; a head of the source is trained further.
    """
    options, targets, has_head = job.source_options, job.targets, own_classes(job.source) is not None
    numbered = targets.names == tuple(map(str, range(len(targets.names))))
    if targets.names and not has_head and not numbered:
        names = folder.with_name("classes.json")
        with replace_file(names) as temporary:
            temporary.write_text(json.dumps(targets.names), encoding="utf-8")
        options = replace(options, labels=names)
    head = ConversionOptions(
        "keras_bert", "classifier", init_missing_head=True, num_labels=None if has_head else targets.count
    )
    convert_checkpoint(job.path, folder, head, source=options, overwrite=True)
    if not targets.names:
        _state_regression(folder / CONFIG)
    return open_checkpoint(folder)


def _state_regression(config: Path) -> None:
    values = json.loads(config.read_text(encoding="utf-8"))
    with replace_file(config) as temporary:
        temporary.write_text(
            json.dumps({**values, "problem_type": "regression"}, indent=2) + "\n", encoding="utf-8"
        )


def build_model(
    start: Checkpoint,
    known: Collection[str],
    module: Path | None,
    *,
    seed: int,
    dropout: float | None = None,
    module_dropout: bool = True,
) -> tuple[tf_keras.Model, tf_keras.layers.Layer]:
    """A classifier for texts of any length, and its encoder, with the values of the start.

    Args:
      start: what training starts from.
      known: the parameters that the source had; others get the initial values that the seed gives them.
      module: the Hub module that is the encoder, if one is.
      seed: of the values of a new head.
      dropout: the share of values that training drops, instead of that of the configuration; it does not concern
        what a module drops.
      module_dropout: whether the module drops values in training.

    Raises:
      UsageError: the module cannot be trained as a classifier.
    """
    config, classes = start.config, start.sizes["classes"]
    if dropout is not None:
        config = replace(config, dropout_rate=dropout, attention_dropout_rate=dropout)
    new_head = initial_kernel(config.hidden_size, classes, seed)
    if module is not None:
        try:
            model, encoder = classifier_model(
                config, classes, None, hub_module_url=str(module), hub_module_dropout=module_dropout
            )
        except ValueError as error:
            raise UsageError(f"{module}: {error}") from error
        model.get_layer("output").kernel.assign(new_head)
        return model, encoder
    model, encoder = classifier_model(config, classes, None)
    for name, variable in named_variables(model).items():
        if name in known:
            variable.assign(start.read(name, canonical_axes(name)))
        elif name == HEAD:
            variable.assign(new_head)
    return model, encoder


def write_tuned(start: Checkpoint, model: tf_keras.Model, encoder: tf_keras.layers.Layer, folder: Path) -> None:
    """Writes the model's values as a checkpoint: the files of the start, with other tensors.

    Args:
      start: what training started from.
      model: the classifier.
      encoder: its encoder.
      folder: to create, or to replace.
    """
    network = model if hasattr(model, "heads") else _network_of(start, model, encoder)
    of_start = shutil.ignore_patterns(f"{CHECKPOINT_NAME}.*", REPORT)
    with new_directory(folder, overwrite=True) as staging:
        shutil.copytree(start.location.path.parent, staging, ignore=of_start, dirs_exist_ok=True)
        tf.train.Checkpoint(model=network).write(str(staging / CHECKPOINT_NAME))


def _network_of(start: Checkpoint, model: tf_keras.Model, module: tf_keras.layers.Layer) -> tf_keras.Model:
    """The network that computes what the model around a Hub module computes."""
    values = {variable.name.partition(":")[0]: variable for variable in module.variables}
    for place, layer in (("classifier", "output"), ("pooler", "pooler_transform")):
        if any(own.name == layer for own in model.layers):
            kernel, bias = model.get_layer(layer).weights
            values |= {f"{place}/kernel": kernel, f"{place}/bias": bias}
    network = load_network(start, "classifier")
    for name, variable in named_variables(network).items():
        variable.assign(values[name])
    return network
