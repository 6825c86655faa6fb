"""Writes the model card of a published folder: https://huggingface.co/docs/hub/model-cards."""

from collections.abc import Iterator, Sequence

from bertferry.convert.report import in_units
from bertferry.core.sentence import Normalize, Sentence
from bertferry.export.publish.options import EMBEDDING_NAME, HUB, KERAS_HUB
from bertferry.export.publish.report import RECEIPT, PublishReport
from bertferry.export.publish.work import Work

PIPELINES = {
    "encoder": "feature-extraction",
    "mlm": "fill-mask",
    "pretrainer": "fill-mask",
    "classifier": "text-classification",
    "tokens": "token-classification",
    "span": "question-answering",
}
"""Names of tasks among clients: https://huggingface.co/docs/hub/models-tasks."""
MODELS = {
    "encoder": "AutoModel",
    "mlm": "AutoModelForMaskedLM",
    "pretrainer": "AutoModelForPreTraining",
    "classifier": "AutoModelForSequenceClassification",
    "tokens": "AutoModelForTokenClassification",
    "span": "AutoModelForQuestionAnswering",
}
"""Classes of transformers that read the weights."""


def model_card(work: Work, report: PublishReport) -> str:
    """The card as Markdown, with metadata; its snippets run in the parent directory of a folder named `model`."""
    library = "transformers" if work.sentence is None else "sentence-transformers"
    pipeline = PIPELINES[work.task] if work.sentence is None else "sentence-similarity"
    tags = [*dict.fromkeys([library, "transformers.js", "onnx", "safetensors", work.source.config.architecture])]
    parts = "\n".join(
        f"| `{part.path}` | {part.what} | {in_units(part.total_bytes)} | {part.verdict} |" for part in report.parts
    )
    return f"""---
library_name: {library}
pipeline_tag: {pipeline}
tags:
{chr(10).join(f"- {tag}" for tag in tags)}
---

# {work.target.name}

{_facts(work)}

Published by bertferry from a checkpoint in the layout `{report.source_layout}`. Each file was compared with that:

| file | what it is | size | compared with the source |
|---|---|---|---|
{parts}

`{RECEIPT}` has the figures of every output and probe, and the SHA-256 of each file.

{chr(10).join(_snippets(work, [part.path for part in report.parts]))}"""


def _facts(work: Work) -> str:
    config = work.source.config
    called = config.switches.called
    article = "An" if called[0] in "AEMX" else "A"  # as the letters are read
    kind = f"{article} {called} {'encoder' if work.task == 'encoder' else f'with the head {work.task}'}"
    lines = [f"{kind} of {config.num_layers} layers, hidden size {config.hidden_size}.", ""]
    longest = config.max_length
    if (reading := work.source.tokenizer_reading) is not None:
        lines.append(f"- texts are {'lower-cased' if reading.tokenizer.lower_case else 'cased'}")
        longest = reading.tokenizer.length(longest, padded=False)
    lines += [f"- at most {longest} tokens, of {config.vocab_size} in the vocabulary"]
    lines.append(f"- activation {config.activation}")
    if work.sentence is not None:
        layers = "".join(f", then {type(layer).__name__}" for layer in work.sentence.layers)
        lines.append(f"- embeddings: pooling {' and '.join(work.sentence.poolings)}{layers}")
    return "\n".join(lines)


def _snippets(work: Work, names: Sequence[str]) -> Iterator[str]:
    """How to load what is in the folder; without a vocabulary, no program reads texts."""
    reads_texts = work.source.vocabulary is not None
    if work.sentence is not None and reads_texts:
        yield _python(
            "from sentence_transformers import SentenceTransformer",
            'embeddings = SentenceTransformer("model").encode(["A man is playing a guitar."])',
        )
    model = MODELS[work.task]
    yield _python(
        f"from transformers import {'AutoTokenizer, ' * reads_texts}{model}",
        *['tokenizer = AutoTokenizer.from_pretrained("model")'] * reads_texts,
        f'model = {model}.from_pretrained("model")',
    )
    if "onnx/model.onnx" in names and reads_texts:
        pooling = _javascript_pooling(work.sentence)
        yield f"""```js
import {{ env, pipeline }} from "@huggingface/transformers";
env.localModelPath = ".";
const pipe = await pipeline("{PIPELINES[work.task]}", "model", {{ dtype: "fp32" }});
const result = await pipe("A man is playing a guitar."{pooling});
```
"""
    if f"onnx/{EMBEDDING_NAME}" in names:
        yield f"`onnx/{EMBEDDING_NAME}` returns a vector per text, `onnx/model.onnx` one per token.\n"
    if HUB in names:
        yield _python("import tensorflow_hub as hub", f'encoder = hub.KerasLayer("model/{HUB}")')
    if KERAS_HUB in names:
        yield _python("import keras_hub", f'model = keras_hub.models.Backbone.from_preset("model/{KERAS_HUB}")')


def _javascript_pooling(sentence: Sentence | None) -> str:
    """The argument with which transformers.js does the same, if it can."""
    if sentence is None or sentence.poolings not in (("mean",), ("cls",)):
        return ""
    if any(not isinstance(layer, Normalize) for layer in sentence.layers):
        return ""
    return f', {{ pooling: "{sentence.poolings[0]}", normalize: {str(bool(sentence.layers)).lower()} }}'


def _python(*lines: str) -> str:
    return "```python\n" + "\n".join(lines) + "\n```\n"
