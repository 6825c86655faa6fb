"""Models from a configuration: encoders, whole task models, and those for fine-tuning."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf
import tf_keras

from bertferry.core.config import EncoderConfig
from bertferry.core.tasks import ENCODER_INPUTS, HEADS, TASKS
from bertferry.modeling.activations import Activation, get_activation
from bertferry.modeling.layers import Pooler
from bertferry.modeling.networks import (
    BertClassifier,
    BertMaskedLM,
    BertPretrainer,
    BertSpanLabeler,
    BertTokenClassifier,
    TransformerEncoder,
)
from bertferry.modeling.networks.serialization import copy_initializer
from bertferry.modeling.pretraining import PretrainingLoss


def encoder_from_config(
    config: EncoderConfig,
    sequence_length: int | None = None,
    float_dtype: str = "float32",
    initializer: Any = None,
    *,
    pooler: bool | None = None,
) -> TransformerEncoder:
    """A TransformerEncoder of these sizes with initial weights, for any length if `sequence_length` is None.

    `initializer` defaults to the configuration's truncated normal, `pooler` to whether encoders of its
    architecture have one.
    """
    switches = config.switches
    return TransformerEncoder(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        num_attention_heads=config.num_attention_heads,
        sequence_length=sequence_length,
        max_sequence_length=config.max_position_embeddings,
        type_vocab_size=config.type_vocab_size if switches.has_segments else 0,
        intermediate_size=config.intermediate_size,
        activation=get_activation(config.activation),
        dropout_rate=config.dropout_rate,
        attention_dropout_rate=config.attention_dropout_rate,
        initializer=initializer or _initializer(config),
        float_dtype=float_dtype,
        pooler=switches.has_pooler if pooler is None else pooler,
        layer_norm_epsilon=config.layer_norm_eps,
        embedding_width=(config.embedding_size or config.hidden_size) if config.is_projected else None,
        shared_block=switches.shares_blocks,
        padding_id=config.pad_id if switches.counts_positions else None,
        relative_positions=switches.relative_positions,
        pooler_activation=get_activation(switches.pooler_activation),
    )


def task_model(
    config: EncoderConfig,
    task: str,
    num_classes: int | None = None,
    float_dtype: str = "float32",
    initializer: Any = None,
    *,
    pooler: bool | None = None,
) -> tf_keras.Model:
    """The network of a task with initial weights and dynamic shapes: an encoder, alone or with heads.

    `initializer` is for the encoder's kernels; it defaults to the configuration's truncated normal. Without
    `pooler` the encoder returns the vectors of the tokens only; by default it has one if a head reads it, and also
    if there is none or the encoder is a BERT, unless encoders of its architecture have none.

    Raises:
      ValueError: an unknown task, a classifier without `num_classes`, or a head that needs a pooler without one.
    """
    if task not in _TASK_MODELS:
        raise ValueError(f"unknown task {task!r}: expected one of {', '.join(_TASK_MODELS)}")
    if pooler is None:
        pooler = _has_pooler(config, task)
    encoder = encoder_from_config(config, float_dtype=float_dtype, initializer=initializer, pooler=pooler)
    return _TASK_MODELS[task](encoder, config, num_classes)


def _has_pooler(config: EncoderConfig, task: str) -> bool:
    """Whether the encoder of a task has a pooler: if a head reads it or, where encoders have one, if there is no
    head; those of BERT always have one, as in 2019."""
    heads = TASKS[task].heads
    if any(HEADS[head].reads == "pooled" for head in heads):
        return True
    return config.switches.has_pooler and (not heads or config.architecture == "bert")


def _classifier(
    network: type[BertClassifier], encoder: TransformerEncoder, config: EncoderConfig, num_classes: int | None
) -> BertClassifier:
    if num_classes is None:
        raise ValueError("a classifier needs num_classes")
    return network(encoder, num_classes, dropout_rate=config.dropout_rate)


def _pretrainer(encoder: TransformerEncoder, config: EncoderConfig, _: int | None) -> BertPretrainer:
    return BertPretrainer(encoder, 2, num_token_predictions=None, activation=_mlm_activation(config))


def _masked_lm(encoder: TransformerEncoder, config: EncoderConfig, _: int | None) -> BertMaskedLM:
    return BertMaskedLM(encoder, activation=_mlm_activation(config))


_TASK_MODELS: dict[str, Callable[[TransformerEncoder, EncoderConfig, int | None], tf_keras.Model]] = {
    "encoder": lambda encoder, config, num_classes: encoder,
    "mlm": _masked_lm,
    "pretrainer": _pretrainer,
    "classifier": partial(_classifier, BertClassifier),
    "tokens": partial(_classifier, BertTokenClassifier),
    "span": lambda encoder, config, num_classes: BertSpanLabeler(encoder),
}


@dataclass(frozen=True)
class _Core:
    """Which encoder a model for fine-tuning has: a module or, without a URL, a network with initial weights."""

    url: str | None
    length: int | None
    dropout: bool


def classifier_model(
    bert_config: EncoderConfig,
    num_labels: int,
    max_seq_length: int | None,
    final_layer_initializer: Any = None,
    hub_module_url: str | None = None,
    *,
    hub_module_dropout: bool = True,
) -> tuple[tf_keras.Model, tf_keras.layers.Layer]:
    """A classifier for fine-tuning and its core encoder.

    Args:
      bert_config: the encoder's configuration.
      num_labels: number of classes; the model returns logits [B, num_labels].
      max_seq_length: length of the inputs `input_word_ids`, `input_mask`, `input_type_ids`; None: any length,
        which may be another in every batch.
      final_layer_initializer: for the last kernel; defaults to the configuration's truncated normal.
      hub_module_url: a Hub module to use and train as the core; by default the core is a TransformerEncoder with
        initial weights.
      hub_module_dropout: whether the module drops values in training. It draws them anew in every process,
        whatever the seeds are: training with it cannot be repeated.

    Raises:
      ValueError: a module without a pooler, unless encoders of its architecture have none.
    """
    core = _Core(hub_module_url, max_seq_length, hub_module_dropout)
    return _classifier_model(BertClassifier, bert_config, num_labels, final_layer_initializer, core)


def token_classifier_model(
    bert_config: EncoderConfig,
    num_labels: int,
    max_seq_length: int | None,
    final_layer_initializer: Any = None,
    hub_module_url: str | None = None,
    *,
    hub_module_dropout: bool = True,
) -> tuple[tf_keras.Model, tf_keras.layers.Layer]:
    """A classifier of tokens for fine-tuning and its core encoder; it returns logits [B, S, num_labels].

    Arguments as for `classifier_model`. Use weights [B, S] to leave padding, and word pieces after the first, out
    of the loss.
    """
    core = _Core(hub_module_url, max_seq_length, hub_module_dropout)
    return _classifier_model(BertTokenClassifier, bert_config, num_labels, final_layer_initializer, core)


def _classifier_model(
    network: type[BertClassifier],
    bert_config: EncoderConfig,
    num_labels: int,
    initializer: Any,
    wanted: _Core,
) -> tuple[tf_keras.Model, tf_keras.layers.Layer]:
    initializer = initializer or _initializer(bert_config)
    if wanted.url is None:
        task = "tokens" if network is BertTokenClassifier else "classifier"
        core = encoder_from_config(bert_config, wanted.length, pooler=_has_pooler(bert_config, task))
        return network(core, num_labels, initializer, dropout_rate=bert_config.dropout_rate), core
    core, inputs, pooled, sequence = _hub_core(wanted)
    vectors = sequence if network is BertTokenClassifier else pooled
    if vectors is None:
        vectors = _own_pooler(bert_config, initializer)(sequence)
    dropped = tf_keras.layers.Dropout(bert_config.dropout_rate)(vectors)
    logits = tf_keras.layers.Dense(num_labels, kernel_initializer=initializer, name="output")(dropped)
    return tf_keras.Model(inputs=inputs, outputs=logits), core


def squad_model(
    bert_config: EncoderConfig,
    max_seq_length: int | None,
    initializer: Any = None,
    hub_module_url: str | None = None,
    *,
    hub_module_dropout: bool = True,
) -> tuple[tf_keras.Model, tf_keras.layers.Layer]:
    """A span labeler for fine-tuning and its core encoder; outputs `start_positions`, `end_positions` [B, S].

    Arguments as for `classifier_model`; `initializer` is for the last kernel.
    """
    initializer = initializer or _initializer(bert_config)
    if hub_module_url is None:
        core = encoder_from_config(bert_config, max_seq_length, pooler=_has_pooler(bert_config, "span"))
        return BertSpanLabeler(core, initializer), core
    core, inputs, _, sequence = _hub_core(_Core(hub_module_url, max_seq_length, hub_module_dropout))
    scores = tf_keras.layers.Dense(2, kernel_initializer=initializer, name="span")(sequence)
    outputs = [
        tf_keras.layers.Activation("linear", name="start_positions")(scores[:, :, 0]),
        tf_keras.layers.Activation("linear", name="end_positions")(scores[:, :, 1]),
    ]
    return tf_keras.Model(inputs=inputs, outputs=outputs), core


def pretrain_model(
    bert_config: EncoderConfig, seq_length: int, max_predictions_per_seq: int, initializer: Any = None
) -> tuple[tf_keras.Model, tf_keras.layers.Layer]:
    """A pretraining model and its core encoder.

    Inputs: the encoder's three and `masked_lm_positions`, `masked_lm_ids`, `masked_lm_weights` [B, P],
    `next_sentence_labels` [B, 1]. The output is the sum of the masked-LM and the next-sentence loss, repeated
    for each example: [B]. Metrics: `masked_lm_accuracy`, `lm_example_loss`, `next_sentence_accuracy`,
    `next_sentence_mean_loss`. Compile it with a loss that averages its output.
    """
    core = encoder_from_config(bert_config, seq_length, pooler=True)
    pretrainer = BertPretrainer(
        core,
        num_classes=2,
        num_token_predictions=max_predictions_per_seq,
        activation=_mlm_activation(bert_config),
        initializer=initializer or _initializer(bert_config),
        output="predictions",
    )
    per_prediction = (max_predictions_per_seq,)
    lm_ids = tf_keras.layers.Input(per_prediction, dtype=tf.int32, name="masked_lm_ids")
    lm_weights = tf_keras.layers.Input(per_prediction, dtype=tf.float32, name="masked_lm_weights")
    sentence_labels = tf_keras.layers.Input((1,), dtype=tf.int32, name="next_sentence_labels")
    lm_log_probabilities, sentence_log_probabilities = pretrainer(pretrainer.inputs)
    loss = PretrainingLoss(name="pretraining_loss")(
        [lm_log_probabilities, sentence_log_probabilities, lm_ids, lm_weights, sentence_labels]
    )
    inputs = {tensor.name: tensor for tensor in (*pretrainer.inputs, lm_ids, lm_weights, sentence_labels)}
    return tf_keras.Model(inputs=inputs, outputs=loss), core


def _mlm_activation(config: EncoderConfig) -> Activation:
    """The activation of the transform before words are predicted."""
    return get_activation(config.switches.mlm_activation or config.activation)


def _initializer(config: EncoderConfig) -> tf_keras.initializers.Initializer:
    return tf_keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def _own_pooler(config: EncoderConfig, initializer: Any) -> Pooler:
    """The pooler of a head on top of a module that has none.

    Raises:
      ValueError: encoders of the architecture have one, which is then to be trained with them.
    """
    if config.switches.has_pooler:
        raise ValueError("A classifier of sequences requires a module with a pooler.")
    activation = get_activation(config.switches.pooler_activation)
    return Pooler(activation, copy_initializer(initializer), name="pooler_transform")


def _hub_core(wanted: _Core) -> tuple[Any, list[Any], Any, Any]:
    """The module as a trainable layer, its three inputs, its pooled output or None, and its sequence output."""
    import tensorflow_hub as hub

    core = hub.KerasLayer(wanted.url, trainable=True)
    inputs = [tf_keras.layers.Input((wanted.length,), dtype=tf.int32, name=name) for name in ENCODER_INPUTS]
    *pooled, sequence = tf.nest.flatten(core(inputs) if wanted.dropout else core(inputs, training=False))
    return core, inputs, pooled[0] if pooled else None, sequence
