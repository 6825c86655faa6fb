"""Writes the model card of a module: what it is and how to call it."""

import json

from bertferry.convert import Checkpoint
from bertferry.core.config import EncoderConfig
from bertferry.core.sentence import Dense, Normalize, Sentence
from bertferry.core.tasks import POSITIONS_INPUT, TaskSpec
from bertferry.core.tensors import TensorSpec
from bertferry.export.module_writer import Module
from bertferry.export.text.prompts import prompt_functions
from bertferry.export.text_assets import TextAssets
from bertferry.verify import Report


def model_card(module: Module, parity: Report | None) -> str:
    """The card as Markdown; its snippet runs unchanged in the parent directory of a module named `module`."""
    source, task, assets = module.source, module.task, module.assets
    config = source.config
    if task == "preprocessing":
        return _preprocessing_card(source, assets)
    facts = f"""A TF2 SavedModel of plain functions, exported by bertferry from a checkpoint in the layout
`{source.layout.name}`.

| | |
|---|---|
| vocabulary | {config.vocab_size} tokens, {_case(assets, source)} |
| layers, hidden size, heads | {config.num_layers}, {config.hidden_size}, {config.num_attention_heads} |
| maximum length | {config.max_length} |
| activation | {config.activation} |
| weights | {_weights(module)} |
| parity with the source | {"not checked" if parity is None else parity.verdict()} |"""
    if module.sentence is not None and assets is not None:
        length = assets.tokenizer.length(config.max_length, padded=False)
        return _text_card(facts, module.sentence, config, length, _layer(module))
    spec = module.spec
    rows = [f"| `{output.name}` | {_shape(output, source)} |" for output in spec.outputs]
    if spec.encoder:
        block = f"[batch, sequence, {config.hidden_size}]"
        rows.append(
            f"| `encoder_outputs` | list of {config.num_layers} × {block}, the blocks' outputs (root call only) |"
        )
    table = "\n".join(rows)
    return f"""# {config.switches.called} {task}, {config.num_layers} layers, hidden size {config.hidden_size}

{facts}

| output | shape |
|---|---|
{table}

All outputs are float32. Inputs are int32 or int64 [batch, sequence]{_positions(spec)}.

```python
{_snippet(spec, _layer(module), config.pad_id)}
```

`hub.KerasLayer` is a layer of Keras 2 (`tf_keras`). Keras 3 loads the same directory with
`{_keras_3_layer(module)}`. Servers call the
signature `serving_default`; its arguments and results have the names above.
"""


def _weights(module: Module) -> str:
    if module.precision == "fp32":
        return "fp32"
    return (
        f"{module.precision}, for inference only: fine-tune a module of `--precision fp32`, and export the result"
    )


def _layer(module: Module) -> str:
    return f'hub.KerasLayer("module"{", trainable=True" * (module.precision == "fp32")})'


def _keras_3_layer(module: Module) -> str:
    training = ', call_training_endpoint="serve_training"' * (module.precision == "fp32")
    return f'keras.layers.TFSMLayer(DIR, call_endpoint="serve"{training})'


def _text_card(facts: str, sentence: Sentence, config: EncoderConfig, length: int, layer: str) -> str:
    width, called = sentence.width(config.hidden_size), config.switches.called
    return f"""# {called} text embedding, size {width}

{facts}

Strings [batch] to float32 embeddings [batch, {width}]: {_steps(sentence)};
texts are truncated to {length} word pieces. `.embed` maps encoder inputs to the same embeddings.
{_prompts(sentence)}
```python
import tensorflow as tf
import tensorflow_hub as hub
import tensorflow_text  # registers the operations of the tokenizer

layer = {layer}
print(layer(tf.constant(["A man is playing a guitar.", ""])).shape)
```
"""


def _steps(sentence: Sentence) -> str:
    """The pooling, and what follows it."""
    names = {Normalize: "scaled to unit length"}
    dense = "a dense layer to {0.out_features} with the activation {0.activation}"
    said = [dense.format(layer) if isinstance(layer, Dense) else names[type(layer)] for layer in sentence.layers]
    return ", ".join([f"pooling `{' + '.join(sentence.poolings)}`", *said])


def _prompts(sentence: Sentence) -> str:
    """The prompts that precede texts, and how each is called."""
    if not sentence.prompts:
        return ""
    rows = [
        f"| `{name}` | {json.dumps(sentence.prompts[name], ensure_ascii=False)} | `.{function}` |"
        for name, function in prompt_functions(sentence).items()
    ]
    default = f"the prompt `{sentence.default_prompt}`" if sentence.default_prompt else "no prompt"
    pooled = "" if sentence.include_prompt else " The tokens of a prompt are not pooled."
    table = "\n".join(["| prompt | put before each text | function, signature |", "|---|---|---|", *rows])
    return f"\nThe layer puts {default} before each text.{pooled}\n\n{table}\n"


def _preprocessing_card(source: Checkpoint, assets: TextAssets | None) -> str:
    return f"""# {source.config.switches.called} preprocessing, {source.config.vocab_size} tokens

A TF2 SavedModel of plain functions, exported by bertferry. It maps strings [batch] to the int32 inputs
[batch, seq_length] of an encoder with this vocabulary ({_case(assets, source)}).

```python
import tensorflow as tf
import tensorflow_hub as hub
import tensorflow_text  # registers the operations of the tokenizer

layer = hub.KerasLayer("module", arguments={{"seq_length": 16}})
print(layer(tf.constant(["A man is playing a guitar.", ""]))["input_word_ids"].shape)

tokenize = hub.KerasLayer(layer.resolved_object.tokenize)
pack = hub.KerasLayer(layer.resolved_object.bert_pack_inputs, arguments={{"seq_length": 16}})
pairs = pack([tokenize(tf.constant(["a question"])), tokenize(tf.constant(["its answer"]))])
print(pairs["input_type_ids"].shape, layer.resolved_object.tokenize.get_special_tokens_dict())
```
"""


def _case(assets: TextAssets | None, source: Checkpoint) -> str:
    """What decides the ids of texts, or which tokenizer the encoder needs instead."""
    if assets is None:
        reading = source.tokenizer_reading
        reason = reading.tokenizer.inexact if reading else ""
        return f"not included: {reason}; tokenize with the source's own tokenizer" if reason else "not included"
    own = assets.tokenizer
    if own.inexact:
        return f"`vocab_file`, not enough: {own.inexact}; tokenize with the source's own tokenizer"
    unusual = {
        "accents stripped" if own.strips_accents else "accents kept": own.strips_accents != own.lower_case,
        "CJK characters not split": not own.tokenize_chinese_chars,
        "not cleaned": not own.clean_text,
        "special tokens in texts found" if own.finds_special_tokens else "special tokens in texts split": True,
    }
    case = "lower-cased" if own.lower_case else "cased"
    return ", ".join(["`vocab_file`", case, *(words for words, said in unusual.items() if said)])


def _shape(output: TensorSpec, source: Checkpoint) -> str:
    dims = ", ".join(str(dim) for dim in output.shape(source.sizes))
    return f"[{dims}]{', ' if output.meaning else ''}{output.meaning}"


def _positions(task: TaskSpec) -> str:
    if POSITIONS_INPUT not in task.input_names:
        return ""
    return f"; `{POSITIONS_INPUT}` [batch, predictions] are the positions that `.mlm` predicts"


def _snippet(task: TaskSpec, layer: str, padding: int) -> str:
    of_head = layer.replace('"module"', "layer.resolved_object.{}").format
    lines = [
        "import tensorflow as tf",
        "import tensorflow_hub as hub",
        "",
        f"layer = {layer}",
        "inputs = {",
        f'    "input_word_ids": tf.constant([[2, 4, 3, {padding}]]),',
        '    "input_mask": tf.constant([[1, 1, 1, 0]]),',
        '    "input_type_ids": tf.constant([[0, 0, 0, 0]]),',
        "}",
        "outputs = layer(inputs)",
        'print(outputs["default"].shape)',
    ]
    if "mlm" in task.heads:
        lines += [
            f"mlm = {of_head('mlm')}",
            'print(mlm({**inputs, "masked_lm_positions": tf.constant([[1]])})["mlm_logits"].shape)',
        ]
    if "nsp" in task.heads:
        lines += [
            f"nsp = {of_head('nsp')}",
            'print(nsp(inputs)["nsp_logits"].shape)',
        ]
    listed = f"[{', '.join(task.listed)}]"
    lines += ["", f"listed = layer(list(inputs.values()))  # {listed}, as in modules /1 and /2"]
    return "\n".join(lines)
