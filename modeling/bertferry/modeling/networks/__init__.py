"""The Keras networks and models."""

from bertferry.modeling.networks.bert_classifier import BertClassifier, BertTokenClassifier
from bertferry.modeling.networks.bert_masked_lm import BertMaskedLM
from bertferry.modeling.networks.bert_pretrainer import BertPretrainer
from bertferry.modeling.networks.bert_span_labeler import BertSpanLabeler
from bertferry.modeling.networks.classification import Classification, TokenClassification
from bertferry.modeling.networks.masked_lm import MaskedLM
from bertferry.modeling.networks.span_labeling import SpanLabeling
from bertferry.modeling.networks.transformer_encoder import TransformerEncoder

__all__ = [
    "BertClassifier",
    "BertMaskedLM",
    "BertPretrainer",
    "BertSpanLabeler",
    "BertTokenClassifier",
    "Classification",
    "MaskedLM",
    "SpanLabeling",
    "TokenClassification",
    "TransformerEncoder",
]
