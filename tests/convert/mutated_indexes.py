"""Converts a checkpoint with mutated indexes: each ends in one line or is still sound, in bounded memory.

Usage: mutated_indexes.py SOURCE FOLDER SEED COUNT

Checksums are corrected after each mutation: bytes of a block change, or what an entry states.
"""

import io
import random
import re
import resource
import shutil
import sys
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from bertferry.convert.bundle.checksum import crc32c, mask
from bertferry.convert.bundle.messages import EntryMessage, HeaderMessage
from bertferry.convert.bundle.table import FOOTER_BYTES, TRAILER_BYTES, _handle, read_table
from bertferry.convert.bundle.table_writer import write_table
from bertferry.convert.command import main

ADDRESS_SPACE = 2**31
MAX_RESIDENT = 128 * 2**20
NUMBERS = (0, 1, 2, 7, 64, 2**16, 2**31 - 1)
LARGE_NUMBERS = (*NUMBERS, 2**31, 2**40, 2**62, 2**63 - 1, -1, -(2**63))
SLICES: tuple[list[dict[str, int]], ...] = (
    [],
    [{"start": 0, "length": 2}, {}],
    [{"start": 2**62, "length": 2**62}],
    [{}, {}],
    [{"length": 2**40}, {}],
)


def run() -> None:
    source, folder, seed, count = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    copy = shutil.copytree(source, folder / "source")
    index = next(copy.glob("*.index"))
    sound = index.read_bytes()
    codes: Counter[int] = Counter()
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        index.write_bytes(sound)
        rng.choice((mutate_bytes, mutate_entries))(index, rng)
        arguments = rng.choice((["--inspect"], ["--output", str(folder / "out"), "--overwrite", "--to", "tf1"]))
        errors = io.StringIO()
        with redirect_stderr(errors), redirect_stdout(io.StringIO()):
            code = main(["--input", str(copy), *arguments])
        lines = errors.getvalue().count("\n")
        inspected = code == 1 and arguments == ["--inspect"] and lines == 0
        assert inspected or (code, lines) in ((0, 0), (1, 1), (2, 1)), (number, code, errors.getvalue())
        codes[code] += 1
    assert peak_memory() < MAX_RESIDENT
    print(f"{codes[1] + codes[2]} refused, {codes[0]} sound, {peak_memory()} bytes")


def peak_memory():
    """In bytes, of this program only: `getrusage` counts that of the process that started it, too."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def mutate_bytes(index, rng):
    """Changes a few bytes of the data block, the first of all; the empty meta index follows it."""
    content = bytearray(index.read_bytes())
    (meta, _), _ = _handle(memoryview(content), len(content) - FOOTER_BYTES)
    end = meta - TRAILER_BYTES
    for _ in range(rng.randrange(1, 4)):
        content[rng.randrange(end)] = rng.randrange(256)
    content[end + 1 : meta] = mask(crc32c(content[: end + 1])).to_bytes(4, "little")
    index.write_bytes(content)


def mutate_entries(index, rng):
    """Changes what the header or a few entries state, and copies some to other keys."""
    table = read_table(index)
    keys = sorted(table)
    for _ in range(rng.randrange(1, 4)):
        key = rng.choice(keys)
        if not key:
            fields = {"num_shards": rng.choice(NUMBERS), "version": {"min_consumer": rng.choice((0, 1, 2))}}
            table[key] = HeaderMessage(**fields).SerializeToString()
            continue
        entry = EntryMessage.FromString(table[key])
        mutate_fields(entry, rng)
        table[rng.choice((key, key, b"\0" + key, rng.choice(keys)))] = entry.SerializeToString()
    write_table(index, table)


def mutate_fields(entry, rng):
    for field in rng.sample(("dtype", "shape", "shard_id", "offset", "size", "slices"), rng.randrange(1, 4)):
        if field in ("dtype", "shard_id"):
            setattr(entry, field, rng.choice((*range(36), *NUMBERS)))
        elif field in ("offset", "size"):
            setattr(entry, field, rng.choice(LARGE_NUMBERS))
        elif field == "shape":
            entry.shape.Clear()
            for _ in range(rng.choice((0, 1, 2, 3, 20, 70))):
                entry.shape.dim.add(size=rng.choice(LARGE_NUMBERS))
        else:
            for extents in rng.choices(SLICES, k=rng.randrange(1, 3)):
                entry.slices.add(extent=extents)


if __name__ == "__main__":
    run()
