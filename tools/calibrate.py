"""Measures how far sound artefacts lie apart, which is what the profiles of verify-parity stand on.

Usage: calibrate.py SEEDS REFERENCE CANDIDATE [CANDIDATE …]

Prints a row of a Markdown table for each candidate: over all probes of all seeds, the absolute tolerance that
would have been needed beside the profile's relative one, and the least ratio of signal to noise.
"""

import sys
from pathlib import Path

import numpy as np

from bertferry.convert.quiet import import_tensorflow
from bertferry.verify import verify_parity


def main() -> None:
    seeds, reference, *candidates = sys.argv[1:]
    import_tensorflow()
    needed: list[list[float]] = [[] for _ in candidates]
    noise: list[list[float]] = [[] for _ in candidates]
    for seed in range(int(seeds)):
        report = verify_parity(reference, candidates, seed=seed)
        for number, candidate in enumerate(report.candidates):
            found = [diff.statistics for probe in candidate.probes for diff in probe.diffs if diff.statistics]
            needed[number].append(max(statistics.needed_atol for statistics in found))
            noise[number].append(min(statistics.sqnr_db for statistics in found))
    print("| reference | candidate | seeds | needed atol, median | needed atol, worst | least SQNR, dB |")
    print("|---|---|---|---|---|---|")
    for candidate, atols, sqnrs in zip(candidates, needed, noise, strict=True):
        figures = f"{np.median(atols):.1e} | {max(atols):.1e} | {min(sqnrs):.0f}"
        print(f"| {Path(reference).name} | {Path(candidate).name} | {seeds} | {figures} |")


if __name__ == "__main__":
    main()
