"""Benchmarks tokenizing and packing: a preprocessing module, TensorFlow Text, tokenizers, and tf-models.

Usage: text.py CHECKPOINT [--before MODULE] [--baseline-python PYTHON] [--runs N]

CHECKPOINT has the vocabulary, in lower case, such as that of MiniLM. MODULE is a preprocessing module of another
release, and the given Python has tf-models-official, whose `BertPackInputs` packs what its `BertTokenizer` cuts.
Texts are made of words of the vocabulary, English ones or of all its scripts, with capitals and punctuation. All
run in turn, in one process but for tf-models. Prints the Markdown of docs/benchmarks.md: processor time a text.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import median

COUNT, LENGTH, SINGLES = 5000, 128, 200
BASELINE = """
import json, sys, time
import tensorflow as tf
from official.nlp.modeling.layers import text_layers
vocabulary, length, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
cases = json.load(sys.stdin)
tokenizer = text_layers.BertTokenizer(vocab_file=vocabulary, lower_case=True)
pack = text_layers.BertPackInputs(length, special_tokens_dict=tokenizer.get_special_tokens_dict())
call = tf.function(lambda texts: pack([tokenizer(texts)]), input_signature=[tf.TensorSpec([None], tf.string)])
times = {}
for name, (texts, repetitions) in cases.items():
    batch = tf.constant(texts)
    call(batch)
    for _ in range(runs):
        started = time.process_time()
        for _ in range(repetitions):
            call(batch)
        times.setdefault(name, []).append((time.process_time() - started) / repetitions / len(texts) * 1e6)
print(json.dumps(times))
"""

Call = Callable[[list[str]], Callable[[], object]]
"""Prepares texts, and returns what is measured."""
Cases = dict[str, tuple[list[str], int]]
"""Texts, and how often they are tokenized in a run."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--baseline-python", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    vocabulary = arguments.checkpoint / "vocab.txt"
    cases = make_cases(vocabulary.read_text(encoding="utf-8").split("\n"))
    with tempfile.TemporaryDirectory() as folder:
        times = measure(make_calls(arguments, vocabulary, Path(folder)), cases, arguments.runs)
    if arguments.baseline_python:
        command = [arguments.baseline_python, "-c", BASELINE, vocabulary, str(LENGTH), str(arguments.runs)]
        run = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=True)
        times["tf-models-official"] = json.loads(run.stdout.splitlines()[-1])
    report(times, list(cases))


def make_cases(tokens: list[str]) -> Cases:
    """Seeded texts of 5 to 30 words."""
    generator = random.Random(0)
    words = [token for token in tokens if token.isalpha()]
    english = [word for word in words if word.isascii()]
    others = [word for word in words if not word.isascii()]

    def text(*sources: list[str]) -> str:
        chosen = [generator.choice(generator.choice(sources)) for _ in range(generator.randint(5, 30))]
        return f"{' '.join(chosen).capitalize()}{generator.choice(['.', '?', ', etc.', ' (2019)!'])}"

    return {
        f"{COUNT} English texts": ([text(english) for _ in range(COUNT)], 1),
        f"{COUNT} texts of mixed scripts": ([text(english, others) for _ in range(COUNT)], 1),
        "one English text": ([text(english)], SINGLES),
        "one of mixed scripts": ([text(english, others)], SINGLES),
    }


def make_calls(arguments: argparse.Namespace, vocabulary: Path, folder: Path) -> dict[str, Call]:
    """What is compared, by name."""
    import tensorflow as tf
    import tensorflow_text as tf_text
    from tokenizers import BertWordPieceTokenizer

    from bertferry.convert import SourceOptions
    from bertferry.core.tokenizer import Tokenizer, usual_frames
    from bertferry.export import ModuleOptions, export_hub_module
    from bertferry.export.text.packing import Packer

    options = ModuleOptions(export="preprocessing", verify=False)
    export_hub_module(arguments.checkpoint, folder / "ours", options, source=SourceOptions(do_lower_case=True))
    tokens = vocabulary.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    packer = Packer(usual_frames(Tokenizer(tuple(tokens), lower_case=True)))

    def graph(cut: Callable[[tf.Tensor], tf.RaggedTensor]) -> Call:
        traced = tf.function(
            lambda texts: packer.pack([cut(texts)], LENGTH),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
        return lambda texts: partial(traced, tf.constant(texts))

    def module(path: Path) -> Call:
        loaded = tf.saved_model.load(str(path))
        called = tf.function(
            lambda texts: loaded(texts, seq_length=tf.constant(LENGTH)),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
        return lambda texts: partial(called, tf.constant(texts))

    fast = tf_text.FastBertTokenizer(tokens, lower_case_nfd_strip_accents=True, token_out_type=tf.int32)
    usual = tf_text.BertTokenizer(str(vocabulary), lower_case=True, token_out_type=tf.int32)
    rust = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
    rust.enable_truncation(LENGTH)
    rust.enable_padding(length=LENGTH)
    calls: dict[str, Call] = {"bertferry": module(folder / "ours")}
    if arguments.before:
        calls["bertferry, before"] = module(arguments.before)
    return {
        **calls,
        "FastBertTokenizer": graph(fast.tokenize),
        "BertTokenizer": graph(lambda texts: usual.tokenize(texts).merge_dims(1, -1)),
        "tokenizers": lambda texts: partial(rust.encode_batch, texts),
    }


def measure(calls: dict[str, Call], cases: Cases, runs: int) -> dict[str, dict[str, list[float]]]:
    """Processor time in µs a text, by what is measured and by case."""
    times: dict[str, dict[str, list[float]]] = {name: {} for name in calls}
    for case, (texts, repetitions) in cases.items():
        prepared = {name: call(texts) for name, call in calls.items()}
        for once in prepared.values():
            once()
        for _ in range(runs):
            for name, once in prepared.items():
                started = time.process_time()
                for _ in range(repetitions):
                    once()
                spent = time.process_time() - started
                times[name].setdefault(case, []).append(spent / repetitions / len(texts) * 1e6)
    return times


def report(times: dict[str, dict[str, list[float]]], cases: list[str]) -> None:
    print(f"| processor time of a text, µs | {' | '.join(cases)} |\n|---|{'---|' * len(cases)}")
    for name, measured in times.items():
        print(f"| {name} | {' | '.join(median(measured[case]) for case in cases)} |")


if __name__ == "__main__":
    main()
