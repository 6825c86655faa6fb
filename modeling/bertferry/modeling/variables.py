"""The variables of a network under their canonical names."""

import tensorflow as tf
import tf_keras

from bertferry.modeling.networks import MaskedLM, TransformerEncoder

Variables = dict[str, tf.Variable]


def named_variables(model: tf_keras.Model) -> Variables:
    """Every variable of an encoder or of a task model, by canonical name, in canonical order.

    Raises:
      TypeError: the model is not one of the networks here.
    """
    if isinstance(model, TransformerEncoder):
        return _encoder(model)
    encoder = next((layer for layer in model.layers if isinstance(layer, TransformerEncoder)), None)
    if encoder is None:
        raise TypeError(f"{type(model).__name__} has no TransformerEncoder")
    variables = _encoder(encoder)
    for name, head in heads_of(model).items():
        variables |= _masked_lm(head) if isinstance(head, MaskedLM) else _dense(name, head)
    return variables


def heads_of(model: tf_keras.Model) -> dict[str, tf_keras.Model]:
    """The heads of a task model, by their names in `bertferry.core.tasks`.

    Raises:
      TypeError: the model is not one of the networks here.
    """
    if not hasattr(model, "heads"):
        raise TypeError(f"{type(model).__name__} is not one of the networks here")
    return dict(model.heads)


def _encoder(encoder: TransformerEncoder) -> Variables:
    layers = {layer.name: layer for layer in encoder.layers}
    variables: Variables = {}
    for name, (place, describe) in BEFORE_BLOCKS.items():
        if name in layers:
            variables |= describe(place, layers[name])
    shared = encoder.switches["shared_block"]
    for number, block in enumerate(encoder.blocks[:1] if shared else encoder.blocks):
        place = "encoder" if shared else f"encoder/{number}"
        for part, layer in block.parts().items():
            describe = _norm if part.endswith("/norm") else _dense
            variables |= describe(f"{place}/{part}", layer)
    return variables | (_dense("pooler", layers["pooler_transform"]) if encoder.switches["pooler"] else {})


def _masked_lm(head: MaskedLM) -> Variables:
    return {
        **_dense("mlm/dense", head.get_layer("cls/predictions/transform/dense")),
        **_norm("mlm/norm", head.get_layer("cls/predictions/transform/LayerNorm")),
        "mlm/bias": head.get_layer("cls/predictions/output_bias").weights[0],
    }


def _dense(place: str, layer: tf_keras.layers.Layer) -> Variables:
    kernel, bias = layer.weights
    return {f"{place}/kernel": kernel, f"{place}/bias": bias}


def _norm(place: str, layer: tf_keras.layers.LayerNormalization) -> Variables:
    return {f"{place}/gamma": layer.gamma, f"{place}/beta": layer.beta}


def _table(place: str, layer: tf_keras.layers.Layer) -> Variables:
    (table,) = layer.weights
    return {place: table}


BEFORE_BLOCKS = {
    "word_embeddings": ("embeddings/word", _table),
    "position_embedding": ("embeddings/position", _table),
    "type_embeddings": ("embeddings/segment", _table),
    "embeddings/layer_norm": ("embeddings/norm", _norm),
    "embedding_projection": ("embeddings/projection", _dense),
    "relative_position_bias": ("embeddings/relative", _table),
}
"""Layers that an encoder may have: their places in canonical names, and what tells their variables apart."""
