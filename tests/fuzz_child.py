"""Converts damaged copies of weight files and reports what happened; `test_fuzzing.py` runs it as a process.

Usage: fuzz_child.py GOLDEN FOLDER KIND FIRST COUNT. Prints a JSON object: the exit codes with their numbers, and a
list of faults.
"""

import contextlib
import encodings.cp437  # noqa: F401 - of names in zips: an import runs code
import io
import json
import random
import resource
import shutil
import signal
import sys
import zipfile
from collections import Counter
from pathlib import Path

from bertferry.convert.command import main

KINDS = {
    "zip": ("hf_bin_core_L2_strided", "pytorch_model.bin"),
    "pickle": ("hf_bin_core_L2_strided", "pytorch_model.bin"),
    "legacy": ("hf_bin_core_L2_legacy_strided", "pytorch_model.bin"),
    "keras2": ("hf_tf_core_L2_second", "tf_model.h5"),
    "keras3": ("keras_hub_core_L2_bfloat16", "model.weights.h5"),
    "msgpack": ("hf_flax_core_L2_chunked", "flax_model.msgpack"),
    "archive": ("hf_bin_core_L2_ddp", "model.zip"),
}
SECONDS, MEGABYTES = 60, 1000
FORBIDDEN = ("exec", "compile", "socket", "os.system", "os.exec", "os.spawn", "pickle.")
PROCESSES = ("subprocess", "os.fork")
"""Unpacking an archive starts one, which removes the temporary folder if this process is killed."""


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The bytes with one to four changes: bits, runs, numbers at their limits, pieces lost or repeated."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 4096))
        length = rng.choice((1, 2, 4, 8, 16, 64))
        change = rng.randrange(6)
        if change == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            data[at : at + length] = rng.randbytes(length)
        elif change == 2:
            data[at : at + length] = rng.choice((b"\x00", b"\xff", b"\x7f", b"\x80")) * length
        elif change == 3:
            data[at : at + 8] = rng.choice((2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**40)).to_bytes(8, "little")
        elif change == 4:
            del data[at : at + rng.choice((length, len(data)))]
        else:
            data[at:at] = data[at : at + length]
        data = data or bytearray(b"\x00")
    return bytes(data)


def damage(path: Path, kind: str, rng: random.Random) -> None:
    """Damages a file; in the kind `pickle`, the pickle inside, with a sound zip around it."""
    if kind != "pickle":
        path.write_bytes(mutated(path.read_bytes(), rng))
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, mutated(content, rng) if name.endswith("data.pkl") else content)


def main_fuzzing(golden: Path, folder: Path, kind: str, first: int, count: int) -> dict[str, object]:
    """Damages and converts files with the seeds from `first` on, after one sound conversion."""
    source, name = KINDS[kind]
    codes: Counter[int] = Counter()
    faults: list[str] = []
    watched: list[bool] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if not watched:
            return
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        elsewhere = writes and isinstance(arguments[0], str) and not arguments[0].startswith(str(folder))
        process = event.startswith(PROCESSES) and kind != "archive"
        if event.startswith(FORBIDDEN) or elsewhere or process:
            faults.append(f"{event} {str(arguments)[:200]}")

    sys.addaudithook(watch)
    before = 0
    for number in range(first - 1, first + count):
        model = folder / "model"
        shutil.copytree(golden / source, model)
        if kind == "archive":
            shutil.make_archive(str(folder / "model"), "zip", model)
            shutil.move(folder / "model.zip", model / name)
        if number >= first:
            damage(model / name, kind, random.Random(f"{kind} {number}"))
            watched.append(True)
        path = model / name if kind == "archive" else model
        out, err = io.StringIO(), io.StringIO()
        signal.alarm(SECONDS)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["--input", str(path), "--output", str(folder / "out"), "--to", "tf1"])
        signal.alarm(0)
        watched.clear()
        codes[code] += 1
        lines = err.getvalue().count("\n")
        if code not in (0, 1, 2) or (code and lines != 1) or (folder / "out").exists() != (code == 0):
            faults.append(f"seed {number}: code {code}: {err.getvalue()[-600:]}")
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = before or used
        if used - before > MEGABYTES * 1000:
            faults.append(f"seed {number}: {used - before} kB more memory")
            before = used
        for left in folder.iterdir():
            shutil.rmtree(left)
    return {"codes": dict(codes), "faults": faults}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    result = main_fuzzing(Path(arguments[0]), Path(arguments[1]), arguments[2], *map(int, arguments[3:]))
    print(json.dumps(result))
