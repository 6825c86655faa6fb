"""Runs the fault table and prints docs/sensitivity.md: what verify-parity catches, and how small a fault may be.

Usage: sensitivity.py > docs/sensitivity.md (about a quarter of an hour on two cores; with the extra `torch`)
"""

import math
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
from planting import (
    FAMILIES,
    Fault,
    agrees,
    artifacts,
    effect,
    every_fault,
    exceeds,
    judged,
    parameters,
    plantable,
)
from random_checkpoint import write
from weight_faults import CONFIG, Values

from bertferry.convert import open_checkpoint
from bertferry.core.quiet import hold_back_stderr, own_stderr
from bertferry.verify.artifact import Artifact, checkpoint_artifact
from bertferry.verify.execution import Execution
from bertferry.verify.probes import standard_probes
from bertferry.verify.report import Report
from bertferry.verify.tolerance import PROFILES

KINDS = {
    "network": ("network", "stored"),
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
"""An element of each kind of parameter, by its index as tf1 has it."""
INTRODUCTION = """# What verify-parity catches

Written by `python tools/sensitivity.py > docs/sensitivity.md`, last on {date}. A random BERT ({layers} blocks,
hidden size {hidden}, {heads} heads) is the reference; each fault is planted in the Keras network and what is
stored of it (`.npz`), in a Hub module as a layer and by its signature, in an ONNX file, and in a Hugging Face
directory that transformers runs on PyTorch; a dash stands where it has no place. All are compared on every
standard probe with `--profile auto` and `--localize`. *Effect* is the largest difference that the fault makes in
the network, *begins at* the point that the report names. In fp16 all are in half precision; a fault counts as
*below the noise* where its effect in fp32 stays under twice the fp16 profile.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        sound = artifacts("network", None, base / "sound")[0]
        print(
            INTRODUCTION.format(
                date=date.today().isoformat(),
                layers=CONFIG.num_layers,
                hidden=CONFIG.hidden_size,
                heads=CONFIG.num_attention_heads,
            )
        )
        print_faults(sound, base)
        print_perturbations(sound, base)


def print_faults(sound: Artifact, base: Path) -> None:
    """A row a fault, and the sound artifacts in the last row."""
    kinds = [kind for family in FAMILIES for kind in KINDS[family]]
    print("## The fault table\n")
    print(f"| fault | effect | {' | '.join(kinds)} | begins at | fp16 |")
    print("|---" * (len(kinds) + 4) + "|")
    counts = {"caught": 0, "missed": 0}
    faults: list[Fault | None] = [*every_fault(), None]
    for number, fault in enumerate(faults):
        name = "none: sound artifacts" if fault is None else fault.name
        print(f"{number}/{len(faults)} {name}", file=own_stderr())
        reports = {family: _reports(sound, family, fault, base / f"{number}-{family}") for family in FAMILIES}
        cells = [
            _cell(reports[family][place].ok, fault) if place < len(reports[family]) else "–"
            for family in FAMILIES
            for place in range(len(KINDS[family]))
        ]
        for cell in cells:
            counts["caught"] += cell in ("caught", "agrees")
            counts["missed"] += cell.isupper()
        largest = max((effect(one) for one in reports["network"] or reports["module"]), default=math.nan)
        shown = "" if fault is None or math.isnan(largest) else f"{largest:.1e}"
        half = _half(sound, fault, reports, base / f"{number}-half")
        print(f"| {name} | {shown} | {' | '.join(cells)} | {_begins(reports)} | {half} |")
    print(f"\n{counts['caught']} right verdicts in fp32, {counts['missed']} wrong ones.\n")


def _reports(sound: Artifact, family: str, fault: Fault | None, folder: Path) -> list[Report]:
    if not plantable(family, fault):
        return []
    return [judged(sound, candidate) for candidate in artifacts(family, fault, folder)]


def _cell(ok: bool, fault: Fault | None) -> str:
    if fault is None:
        return "agrees" if ok else "FALSE ALARM"
    return "MISSED" if ok else "caught"


def _begins(reports: dict[str, list[Report]]) -> str:
    drifts = (one.candidates[0].drift for family in reports.values() for one in family)
    found = dict.fromkeys(drift.culprit for drift in drifts if drift and not drift.note)
    return ", ".join(name or "–" for name in found)


def _half(sound: Artifact, fault: Fault | None, reports: dict[str, list[Report]], folder: Path) -> str:
    """Verdicts in fp16, of all kinds together where they are alike."""
    cells = {}
    for family in FAMILIES:
        halves = artifacts(family, fault, folder / family, "fp16") if reports[family] else []
        for kind, whole, half in zip(KINDS[family], reports[family], halves, strict=False):
            cell = _cell(agrees(sound, half), fault)
            if cell == "MISSED" and not exceeds(whole, PROFILES["fp16"]):
                cell = "below the noise"
            cells[kind] = cell
    if len(set(cells.values())) == 1:
        return next(iter(cells.values()))
    return ", ".join(f"{kind} {cell}" for kind, cell in cells.items())


def print_perturbations(sound: Artifact, base: Path) -> None:
    """The least change of one element that moves float64 outputs by twice the profile, and its verdict in fp32."""
    print("## The smallest fault\n")
    print(
        "One element is changed until the outputs of the network in float64 leave the fp32 profile twice over\n"
        "(`atol` + `rtol` · |reference|); the changed checkpoint then has to disagree in float32.\n"
    )
    print("| parameter | element | value | relative change | verdict in fp32 |")
    print("|---|---|---|---|---|")
    arbiter = arbiter_of(base / "arbiter", parameters())
    for name, index in PERTURBED.items():
        print(name, file=own_stderr())
        value = float(parameters()[name][index])
        change = smallest(arbiter, name, index, base / "change")
        faulty = open_checkpoint(changed(base / "change", name, index, change))
        verdict = judged(sound, checkpoint_artifact(faulty, "encoder"))
        shown = "caught" if not verdict.ok else "MISSED"
        print(f"| {name} | {list(index)} | {value:.3f} | {change / abs(value):.1e} | {shown} |")


def smallest(arbiter: Artifact, name: str, index: tuple[int, ...], folder: Path) -> float:
    """Found by scaling: effects this small are proportional to their cause."""
    change = 1e-3
    for _ in range(4):
        moved = _moved(arbiter, arbiter_of(changed(folder, name, index, change)))
        if 2.0 <= moved <= 2.1:
            break
        change *= 2.05 / moved
    return change


def changed(folder: Path, name: str, index: tuple[int, ...], change: float) -> Path:
    """A checkpoint in which one element is changed."""
    drawn = parameters()
    drawn[name][index] += change
    write(folder, CONFIG, drawn.items())
    return folder


def arbiter_of(folder: Path, drawn: Values | None = None) -> Artifact:
    """The network in float64."""
    if drawn is not None:
        write(folder, CONFIG, drawn.items())
    return checkpoint_artifact(open_checkpoint(folder), "encoder", Execution(precision="fp64"))


def _moved(arbiter: Artifact, candidate: Artifact) -> float:
    """By how many times the fp32 profile the outputs moved, at the element that moved most."""
    profile, one, other = PROFILES["fp32"], arbiter.open(), candidate.open()
    times = []
    for probe in standard_probes(arbiter.limits):
        want, got = one.run(probe.inputs), other.run(probe.inputs)
        for name, values in want.items():
            wide = values.astype(np.float64)
            times.append(np.max(np.abs(got[name] - wide) / (profile.atol + profile.rtol * np.abs(wide))))
    return float(max(times))


if __name__ == "__main__":
    with hold_back_stderr():
        main()
