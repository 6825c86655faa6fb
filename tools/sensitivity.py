"""Runs the fault table and prints docs/sensitivity.md: the faults that verify-parity catches, and the smallest.

Usage: sensitivity.py [JOBS] > docs/sensitivity.md (needs the extra `torch`)

JOBS processes, by default one for each core, work through the faults; the page is the same with any number.
"""

import atexit
import math
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from planting import Fault, agrees, artifacts, can_plant, compare_pair, effect, every_fault, exceeds
from provenance import provenance
from random_checkpoint import write
from subjects import BERT, SUBJECTS, Subject
from translation_faults import judge, translation_faults
from weight_faults import CONFIG, Values

from bertferry.convert import open_checkpoint
from bertferry.core.quiet import hold_back_stderr, own_stderr
from bertferry.verify.artifact import Artifact, checkpoint_artifact
from bertferry.verify.execution import Execution
from bertferry.verify.probes import standard_probes
from bertferry.verify.report import Report
from bertferry.verify.tolerance import PROFILES

KINDS = {
    "numpy": ("NumPy", "against Keras"),
    "keras": ("Keras", "stored"),
    "module": ("hub", "signature"),
    "onnx": ("ONNX",),
    "pytorch": ("PyTorch",),
}
PERTURBED = {
    "embeddings/word": (7, 3),
    "embeddings/norm/gamma": (3,),
    "encoder/0/attention/query/kernel": (2, 5),
    "encoder/0/attention/output/bias": (4,),
    "encoder/1/attention/value/kernel": (2, 5),
    "encoder/1/intermediate/kernel": (2, 5),
    "encoder/2/output/kernel": (2, 5),
    "encoder/2/output/norm/beta": (3,),
    "pooler/kernel": (2, 5),
}
"""An element of each kind of parameter, by its index in tf1's shape."""
SOUND = "none: sound artifacts"
TRANSLATIONS = """
## Graphs of other people's SavedModels

Nobody says which inputs a signature takes: what `export-onnx` guesses must show what a translator
got wrong. Each fault is a function that computes something else than the SavedModel with which its graph is
compared; the graph of the SavedModel itself must agree, else it is a false alarm.

| kind | fault | verdict |
|---|---|---|"""
INTRODUCTION = """# What verify-parity catches

The output of `python tools/sensitivity.py` ({made}). The reference is a random encoder
({layers} blocks, hidden size {hidden}, {heads} heads), computed by the NumPy network, or in the column *against
Keras* by the Keras network. Each fault is planted in the NumPy network, in the Keras network and its stored
outputs (`.npz`), in a Hub module as a layer and by signature, in an ONNX file, and in a Hugging Face directory
that transformers runs in PyTorch; a dash marks impossible combinations. All artifacts are compared on every
standard probe with `--profile auto` and `--localize`. *Effect* is the largest difference that the fault causes
in the NumPy network, *begins at* the point that the report names. In the column fp16, all artifacts except the
NumPy network are in half precision; a fault is *below the noise* if its effect in fp32 is within twice the fp16
profile.
"""


def main() -> None:
    """Prints the page, whose rows are computed in other processes."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count()
    # Spawned, since TensorFlow does not survive a fork.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        sizes = {"layers": CONFIG.num_layers, "hidden": CONFIG.hidden_size, "heads": CONFIG.num_attention_heads}
        print(INTRODUCTION.format(made=provenance(), **sizes))
        for number in range(len(SUBJECTS)):
            print_faults(pool, number)
        print_perturbations(pool)
        print_translations(pool)


@dataclass(frozen=True)
class Sound:
    """The references of a subject: the sound network in each engine that computes it."""

    subject: Subject
    numpy: Artifact
    keras: Artifact | None

    @classmethod
    def of(cls, folder: Path, subject: Subject = BERT) -> "Sound":
        """Both, from one checkpoint."""
        engines = {
            family: artifacts(family, None, folder / f"sound-{family}", subject=subject)[0]
            for family in ("numpy", "keras")
            if family in subject.families
        }
        return cls(subject, engines["numpy"], engines.get("keras"))

    def reports(self, family: str, fault: Fault | None, folder: Path) -> list[Report]:
        """One for each of the kinds of artifact; none if the fault is impossible in this family."""
        if not can_plant(family, fault, self.subject):
            return []
        candidates = artifacts(family, fault, folder, subject=self.subject)
        references = [self.numpy, self.keras] if family == "numpy" else [self.numpy]
        return [
            compare_pair(reference, candidate, self.subject.task)
            for candidate in candidates
            for reference in references
            if reference is not None
        ]


def kinds_of(subject: Subject, family: str) -> tuple[str, ...]:
    """The kinds of artifact of a family, as the columns are called."""
    return KINDS[family] if family != "numpy" or "keras" in subject.families else KINDS[family][:1]


@cache
def sound_network(number: int = 0) -> Sound:
    """The references of a subject in this process, in a folder that stays until it ends."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Sound.of(Path(folder.name), SUBJECTS[number])


def print_faults(pool: Executor, number: int) -> None:
    """Prints one row per fault of a subject, and the correct artifacts in the last row."""
    subject = SUBJECTS[number]
    kinds = [kind for family in subject.families for kind in kinds_of(subject, family)]
    print("## The fault table\n" if subject is BERT else f"## The same of {subject.name}\n")
    print(f"| fault | effect | {' | '.join(kinds)} | begins at | fp16 |")
    print("|---" * (len(kinds) + 4) + "|", flush=True)
    names = [*(fault.name for fault in every_fault(subject)), SOUND]
    correct = wrong = 0
    rows = pool.map(fault_row, [number] * len(names), range(len(names)))
    for name, (row, verdicts) in zip(names, rows, strict=True):
        print(name, file=own_stderr())
        print(row, flush=True)
        correct += sum(verdicts)
        wrong += len(verdicts) - sum(verdicts)
    print(f"\n{correct} correct verdicts in fp32, {wrong} wrong ones.\n")


def fault_row(subject: int, number: int) -> tuple[str, list[bool]]:
    """The row of a subject's fault, or after the last of them that of correct artifacts; whether each verdict is
    correct."""
    sound = sound_network(subject)
    families = sound.subject.families
    fault = [*every_fault(sound.subject), None][number]
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        reports = {family: sound.reports(family, fault, base / family) for family in families}
        half = _half(sound, fault, reports, base / "half")
    cells = [
        _cell(reports[family][place].ok, fault) if place < len(reports[family]) else "–"
        for family in families
        for place in range(len(kinds_of(sound.subject, family)))
    ]
    shown_by = reports["numpy"][:1] or reports["onnx"]
    largest = max((effect(report) for report in shown_by), default=math.nan)
    shown = "" if fault is None or math.isnan(largest) else f"{largest:.1e}"
    name = SOUND if fault is None else fault.name
    row = f"| {name} | {shown} | {' | '.join(cells)} | {_begins(reports)} | {half} |"
    return row, [not cell.isupper() for cell in cells if cell != "–"]


def _cell(ok: bool, fault: Fault | None) -> str:
    if fault is None:
        return "agrees" if ok else "FALSE ALARM"
    return "MISSED" if ok else "caught"


def _begins(reports: dict[str, list[Report]]) -> str:
    drifts = (report.candidates[0].drift for family in reports.values() for report in family)
    culprits = dict.fromkeys(drift.culprit for drift in drifts if drift and not drift.note)
    return ", ".join(name or "–" for name in culprits)


def _half(sound: Sound, fault: Fault | None, reports: dict[str, list[Report]], folder: Path) -> str:
    """The verdicts in fp16, as one if they are all alike."""
    cells, subject = {}, sound.subject
    for family in subject.families:
        halves = artifacts(family, fault, folder / family, "fp16", subject) if reports[family] else []
        for kind, whole, half in zip(kinds_of(subject, family), reports[family], halves, strict=False):
            cell = _cell(agrees(sound.numpy, half, subject.task), fault)
            if cell == "MISSED" and not exceeds(whole, PROFILES["fp16"]):
                cell = "below the noise"
            cells[kind] = cell
    if len(set(cells.values())) == 1:
        return next(iter(cells.values()))
    return ", ".join(f"{kind} {cell}" for kind, cell in cells.items())


def print_perturbations(pool: Executor) -> None:
    """Prints the smallest change of an element that moves float64 outputs by twice the profile."""
    print("## The smallest fault\n")
    print(
        "One element is changed until the float64 outputs of the network differ by twice the fp32 profile\n"
        "(`atol` + `rtol` · |reference|); the changed checkpoint must then disagree in float32.\n"
    )
    print("| parameter | element | value | relative change | verdict in fp32 |")
    print("|---|---|---|---|---|")
    for row in pool.map(perturbation_row, PERTURBED):
        print(row)


def perturbation_row(name: str) -> str:
    """The row of a parameter."""
    index, value = PERTURBED[name], float(BERT.parameters()[name][PERTURBED[name]])
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        change = smallest_change(arbiter_of(base / "arbiter", BERT.parameters()), name, index, base / "change")
        faulty = open_checkpoint(write_changed(base / "change", name, index, change))
        verdict = compare_pair(sound_network().numpy, checkpoint_artifact(faulty, "encoder"))
    shown = "caught" if not verdict.ok else "MISSED"
    return f"| {name} | {list(index)} | {value:.3f} | {change / abs(value):.1e} | {shown} |"


def print_translations(pool: Executor) -> None:
    """Prints one row per fault in graphs of SavedModels that nobody described."""
    print(TRANSLATIONS)
    faults = list(translation_faults())
    verdicts = list(pool.map(translation_verdicts, range(len(faults))))
    for fault, (_, wrong) in zip(faults, verdicts, strict=True):
        print(f"| {fault.kind} | {fault.name} | {'MISSED' if wrong == 'agrees' else wrong} |")
    alarms = sum(right != "agrees" for right, _ in verdicts)
    missed = sum(wrong == "agrees" for _, wrong in verdicts)
    print(f"\n{len(faults) - missed} faults caught, {missed} missed; {alarms} false alarms.")


def translation_verdicts(number: int) -> tuple[str, str]:
    """The verdicts on the right graph and on the wrong one."""
    with tempfile.TemporaryDirectory() as folder:
        return judge(list(translation_faults())[number], Path(folder))


def smallest_change(arbiter: Artifact, name: str, index: tuple[int, ...], folder: Path) -> float:
    """The smallest change, found by scaling: effects this small are proportional to their cause."""
    change = 1e-3
    for _ in range(4):
        times_moved = _relative_move(arbiter, arbiter_of(write_changed(folder, name, index, change)))
        if 2.0 <= times_moved <= 2.1:
            break
        change *= 2.05 / times_moved
    return change


def write_changed(folder: Path, name: str, index: tuple[int, ...], change: float) -> Path:
    """Writes a checkpoint in which one element is changed."""
    drawn = BERT.parameters()
    drawn[name][index] += change
    write(folder, CONFIG, drawn.items())
    return folder


def arbiter_of(folder: Path, drawn: Values | None = None) -> Artifact:
    """The network in float64."""
    if drawn is not None:
        write(folder, CONFIG, drawn.items())
    return checkpoint_artifact(open_checkpoint(folder), "encoder", Execution(precision="fp64"))


def _relative_move(arbiter: Artifact, candidate: Artifact) -> float:
    """How many times the fp32 profile the outputs moved, at the element that moved most."""
    profile, reference, changed = PROFILES["fp32"], arbiter.open(), candidate.open()
    times = []
    for probe in standard_probes(arbiter.limits):
        want, got = reference.run(probe.inputs), changed.run(probe.inputs)
        for name, values in want.items():
            wide = values.astype(np.float64)
            times.append(np.max(np.abs(got[name] - wide) / (profile.atol + profile.rtol * np.abs(wide))))
    return float(max(times))


if __name__ == "__main__":
    with hold_back_stderr():
        main()
