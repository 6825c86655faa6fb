"""The Keras networks of BERT and of its tasks, on tf_keras."""

from bertferry.core.extras import check_installed

check_installed("bertferry.modeling", "tensorflow", "tf_keras")
