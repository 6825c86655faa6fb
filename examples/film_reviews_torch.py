"""The training of film_reviews.py in PyTorch: the same texts, batches, rates and seed; the weights as released.

    film_reviews_torch.py --model DIR --train FILE --validation FILE --test FILE --output FILE.json

It needs the extra torch. Dropout is where run_classifier.py --no-module-dropout has it: before the head alone. The
new head begins with the same values there and here. AdamW adds its epsilon at another place than that of Keras.
"""

import json
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from absl.flags import argparse_flags
from classification.head import initial_kernel
from classification.inputs import LABEL, EncodedTexts
from classification.labeled_texts import read_labeled_texts
from classification.targets import find_targets
from training.batches import BatchOrder
from training.options import TrainingOptions, add_training_flags, training_options

from bertferry.convert import open_checkpoint
from bertferry.core.atomic import replace_file
from bertferry.core.console import command_parser, run_as_program
from bertferry.core.errors import UsageError
from bertferry.core.extras import check_installed
from bertferry.core.progress_bar import Progress
from bertferry.verify.tokenization import SourceTokenizer

NAMES = {"input_word_ids": "input_ids", "input_mask": "attention_mask", "input_type_ids": "token_type_ids"}
PARTS = ("train", "validation", "test")
NOT_DECAYED = ("bias", "LayerNorm.weight")


def build_parser() -> argparse_flags.ArgumentParser:
    parser = command_parser("film_reviews_torch.py", __doc__ or "")
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.add_argument("--model", metavar="DIR", help="a BERT as transformers writes it")
    for name in PARTS:
        parser.add_argument(f"--{name}", metavar="FILE", help="text and label between tabs")
    parser.add_argument("--output", metavar="FILE", help="the results, as JSON")
    parser.add_argument("--dropout", metavar="X", type=float, default=0.1, help="before the head; default: 0.1")
    add_training_flags(parser)
    return parser


def execute(arguments: Namespace, progress: Progress) -> int:
    for name in ("model", *PARTS, "output"):
        if getattr(arguments, name) is None:
            raise UsageError(f"--{name} is missing: see --help")
    check_installed("training in PyTorch", "torch", "transformers")
    options = training_options(arguments)
    parts = {name: read_labeled_texts(Path(getattr(arguments, name))) for name in PARTS}
    opened = open_checkpoint(arguments.model)
    targets = find_targets(parts["train"], opened, regression=False)
    reading = opened.tokenizer_reading
    if reading is None:
        raise UsageError(f"{arguments.model}: no vocabulary")
    tokenizer = SourceTokenizer(reading.tokenizer, "training")
    longest = reading.tokenizer.length(opened.config.max_length, padded=False)
    encoded = {name: EncodedTexts(part, targets.numbers(part), tokenizer, longest) for name, part in parts.items()}
    with progress.counting("batches"):
        results = train(Path(arguments.model), encoded, options, arguments.dropout, progress)
    with replace_file(Path(arguments.output)) as temporary:
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"accuracy {results['accuracy']:.4f} on {len(parts['test'])} held-out texts")
    return 0


def train(
    folder: Path,
    encoded: Mapping[str, EncodedTexts],
    options: TrainingOptions,
    dropout: float,
    progress: Progress,
) -> dict[str, float]:
    """Trains a classifier, keeps the epoch that is best on the validation texts, and scores it on the test."""
    import torch
    from transformers import AutoModelForSequenceClassification, get_linear_schedule_with_warmup

    torch.manual_seed(options.seed)
    rates = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": dropout}
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2, **rates)
    kernel = initial_kernel(model.config.hidden_size, 2, options.seed)
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor(kernel.T))
        model.classifier.bias.zero_()
    texts = encoded["train"]
    order = BatchOrder(texts.lengths(), options.batch_size, options.seed)
    total = options.epochs * order.steps_per_epoch
    optimizer = torch.optim.AdamW(_groups(model, options.weight_decay), lr=options.learning_rate, eps=1e-6)
    schedule = get_linear_schedule_with_warmup(optimizer, int(options.warmup * total), total)
    best, losses = {"validation": -1.0, "accuracy": 0.0}, []
    for step in range(total):
        epoch = step // order.steps_per_epoch + 1
        progress(f"training, epoch {epoch} of {options.epochs}", step, total)
        model.train()
        loss = model(
            **_inputs(batch := texts.batch(order.at(step))), labels=torch.tensor(batch[LABEL]).long()
        ).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        if (step + 1) % order.steps_per_epoch == 0:
            accuracy = _accuracy(model, encoded["validation"])
            progress.print(
                f"epoch {epoch} of {options.epochs}: loss {np.mean(losses):.4f}, accuracy {accuracy:.4f}"
            )
            losses = []
            if accuracy > best["validation"]:
                best = {"validation": accuracy, "accuracy": _accuracy(model, encoded["test"]), "epoch": epoch}
    return best


def _groups(model, weight_decay: float) -> list[dict]:
    """The parameters in two groups: with weight decay, and norms and biases without."""
    named = list(model.named_parameters())
    decayed = [value for name, value in named if not name.endswith(NOT_DECAYED)]
    others = [value for name, value in named if name.endswith(NOT_DECAYED)]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _inputs(batch: Mapping[str, np.ndarray]) -> dict:
    import torch

    return {theirs: torch.tensor(batch[ours]).long() for ours, theirs in NAMES.items()}


def _accuracy(model, texts: EncodedTexts) -> float:
    import torch

    model.eval()
    right = 0
    with torch.no_grad():
        for numbers, batch in texts.batches(texts.lengths()):
            decided = model(**_inputs(batch)).logits.argmax(-1).numpy()
            right += int((decided == texts.numbers[numbers]).sum())
    return right / len(texts.numbers)


if __name__ == "__main__":
    run_as_program(build_parser(), execute)
