"""Runs modules of strings, and their source: its own tokenizer, its encoder and what follows that."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bertferry.core.sentence import Sentence
from bertferry.verify.embedding import embed
from bertferry.verify.runner import Arrays, Runner
from bertferry.verify.tokenization import SourceTokenizer

if TYPE_CHECKING:
    import tensorflow as tf

TEXT, SECOND = "text", "second"
"""Names of a probe's texts, and of the second ones if it has pairs."""


class StringModuleRunner:
    """A module's root, called with strings; pairs go through `.tokenize` and `.bert_pack_inputs`."""

    shares_mask = True

    def __init__(self, path: Path) -> None:
        import tensorflow as tf

        from bertferry.verify.runners.saved_model import load_saved_model

        with suppress(ImportError):  # which registers the operations of tokenizers
            import tensorflow_text  # noqa: F401
        self.name = str(path)
        self._loaded = load_saved_model(path)
        # Called as it is, a loaded function is traced and optimized again for each number of texts.
        self._call = tf.function(self._loaded, reduce_retracing=True, autograph=False)
        self._pack = tf.function(self._pack_pairs, reduce_retracing=True, autograph=False)

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The int32 inputs of an encoder by name, or `embeddings`."""
        import tensorflow as tf

        texts = tf.constant([text.encode() for text in inputs[TEXT]], tf.string)
        if SECOND in inputs:
            seconds = tf.constant([text.encode() for text in inputs[SECOND]], tf.string)
            return _arrays(self._pack(texts, seconds))
        outputs = self._call(texts)
        return _arrays(outputs) if isinstance(outputs, dict) else {"embeddings": outputs.numpy()}

    def _pack_pairs(self, *texts: "tf.Tensor") -> "dict[str, tf.Tensor]":
        inputs: dict[str, tf.Tensor] = self._loaded.bert_pack_inputs([self._loaded.tokenize(one) for one in texts])
        return inputs


class SourceInputsRunner:
    """What a preprocessing module is compared with: the inputs by the source's own tokenizer, at one width."""

    shares_mask = True

    def __init__(self, name: str, source: SourceTokenizer, length: int) -> None:
        self.name = name
        self._source, self._length = source, length

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The int32 inputs [B, S] of an encoder."""
        seconds = list(inputs[SECOND]) if SECOND in inputs else None
        return self._source.inputs(list(inputs[TEXT]), self._length, width=self._length, seconds=seconds)


class SourceEmbeddingsRunner:
    """What a text embedding is compared with: the source's own tokenizer, its encoder, pooling in float64."""

    shares_mask = True

    def __init__(self, encoder: Runner, source: SourceTokenizer, length: int, sentence: Sentence) -> None:
        self.name = encoder.name
        self.source, self.sentence = source, sentence
        self._encoder, self._length = encoder, length

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """`embeddings` [B, H]."""
        sentence = self.sentence
        prompt = sentence.prompts.get(sentence.default_prompt or "", "")
        arrays = self.source.inputs(list(inputs[TEXT]), self._length, prompt=prompt)
        outputs = self._encoder.run(arrays)
        mask = arrays["input_mask"]
        if prompt and not sentence.include_prompt:
            mask = _without_prompt(mask, self.source.prompt_length(prompt, self._length))
        return {"embeddings": embed(outputs, mask, arrays["input_mask"], sentence)}


def _without_prompt(mask: np.ndarray, length: int) -> np.ndarray:
    """The mask without its first tokens in each row."""
    return mask * (np.cumsum(mask, axis=1) > length)


def _arrays(outputs: Any) -> dict[str, np.ndarray]:  # noqa: ANN401 - a dict of tensors
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def string_arrays(texts: Sequence[str], seconds: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Texts as the inputs of a probe."""
    named = {TEXT: texts} if seconds is None else {TEXT: texts, SECOND: seconds}
    return {name: np.array(list(values), object) for name, values in named.items()}
