"""Releases one model: the unit of work, in whichever process it is done."""

import errno
import resource
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from bertferry.core.atomic import DISK_FULL
from bertferry.core.errors import BertferryError, DataError, UnavailableError, first_line
from bertferry.export.module_series import ModuleSeries
from bertferry.export.publish.publisher import fill_folder, plan_publication
from bertferry.export.publish.recheck import find_faults
from bertferry.export.publish.report import RECEIPT as PUBLISH_RECEIPT
from bertferry.export.publish.report import Part, PublishReport
from bertferry.export.publish.work import Work
from bertferry.export.release.fingerprint import Cache, digest_inputs, key_of, release_versions, settings
from bertferry.export.release.memory import forget_peak, peak_memory, resident_memory
from bertferry.export.release.model import Model
from bertferry.export.release.model_pages import write_pages
from bertferry.export.release.names import FAILED, MEASURED
from bertferry.export.release.receipt import RECEIPT, Failure, Measurement, Receipt, ReleasedPart, parse_result
from bertferry.export.release.stores import Store, open_input, open_store, stamps_of_objects

MODES = ("keep", "replace", "compare")
SERIES = ModuleSeries()
"""Of this process, which releases one model after another."""


class AlreadyReleasedError(Exception):
    """Another process has released the same model meanwhile."""


@dataclass(frozen=True)
class Outcome:
    """What became of a model.

    Attributes:
      state: `released`, `unchanged` (another process has released it), `failed`, `died` (the process), or
        `stopped`, if no other model could do better either.
      error: one line, in the last three.
      note: one line about one that was released.
      exit_code: of a `stopped` run.
      seconds, processor: wall and processor time.
      peak, memory: bytes of resident memory at most, and afterwards.
      cache: stamps and hashes of the files read.
    """

    state: str
    error: str = ""
    note: str = ""
    exit_code: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    peak: int = 0
    memory: int = 0
    cache: Cache = field(default_factory=dict)


def release_unit(values: Mapping[str, Any], address: str, attempt: int, mode: str = "keep") -> dict[str, Any]:
    """Releases the model of these plain values into a store; returns those of an `Outcome`.

    What is there with the same key is kept, replaced, or compared with its source and then one of the two: `mode`
    is of `MODES`.

    Errors become outcomes, and failures are recorded, except those of a full disk or a missing component, which
    stop the run.
    """
    model, store = Model.from_dict(values), open_store(address)
    names = [(f"{address}/{model.name}/{model.name}", model.name), (model.path, model.input)]
    started, processor = time.monotonic(), _processor_seconds()
    forget_peak()
    cache: Cache = {}
    failure, state, note, code = None, "released", "", 0
    try:
        note = _release(model, store, attempt, cache, started, processor, mode)
    except AlreadyReleasedError:
        state = "unchanged"
    except MemoryError:
        state, failure = "died", "out of memory"
    except UnavailableError as error:
        state, failure, code = "stopped", str(error), error.exit_code
    except BertferryError as error:
        state, code = ("stopped" if _is_disk_full(error) else "failed"), error.exit_code
        failure = relabel(str(error), names)
        if state == "failed":
            _record(model, store, cache, Failure(model.name, "", model.input, state, failure, attempt))
    except Exception as error:  # a fault of this project or of a library must cost one model, not the others
        full = _is_disk_full(error)
        state, code = ("stopped", 2) if full else ("failed", 0)
        failure = "no space left on the device" if full else f"{type(error).__name__}: {first_line(error)}"
        if not full:
            trace = traceback.format_exc()
            _record(model, store, cache, Failure(model.name, "", model.input, state, failure, attempt, trace))
    return asdict(
        Outcome(
            state,
            " ".join((failure or "").split()),
            " ".join(relabel(note, names).split()),
            code,
            time.monotonic() - started,
            _processor_seconds() - processor,
            peak_memory(),
            resident_memory(),
            cache,
        )
    )


def _release(
    model: Model, store: Store, attempt: int, cache: Cache, started: float, processor: float, mode: str
) -> str:
    """Releases a model, and returns a note; adds what it hashes to `cache`."""
    with open_input(model) as opened:
        digests, found = digest_inputs(opened, {})
        cache.update(stamps_of_objects(model, digests) or found)
        versions = release_versions()
        key = key_of(opened, digests, versions)

        def check_absent(*, replaced: bool) -> None:
            present = parse_result(Receipt, store.read(f"{model.name}/{RECEIPT}"), model.name)
            if not replaced and present is not None and present.key == key:
                raise AlreadyReleasedError

        differs = _find_differences(store, opened) if mode == "compare" else ""
        replaced = mode == "replace" or bool(differs)
        check_absent(replaced=replaced)
        with store.new_model(model.name) as staging:
            target = staging / model.name  # does not exist, so that nothing is in the way of what is planned
            work = plan_publication(opened.path, target, opened.options, opened.source)
            SERIES.keep_for(work.source.config)
            report = _shown(fill_folder(staging, replace(work, series=SERIES)), opened, work, staging)
            (staging / PUBLISH_RECEIPT).write_text(report.to_json(), encoding="utf-8")
            write_pages(staging, model.name, report)
            receipt = _receipt(model, key, report, digests, versions, staging)
            if digest_inputs(opened, found)[0] != digests:
                raise DataError(f"{model.input}: its files changed while they were read")
            (staging / RECEIPT).write_text(receipt.to_json(), encoding="utf-8")
            taken = time.monotonic() - started, _processor_seconds() - processor, peak_memory()
            measured = Measurement(model.name, *taken, attempt)
            store.write(f"{MEASURED}/{model.name}.json", measured.to_json().encode())
            check_absent(replaced=replaced)
        store.remove(f"{FAILED}/{model.name}.json")
    return f"released anew: {differs}" if differs else ""


def _find_differences(store: Store, opened: Model) -> str:
    """What in a released model does not agree with its source any more."""
    with store.released_model(opened.name) as folder:
        work = plan_publication(opened.path, folder / opened.name, opened.options, opened.source)
        return relabel("; ".join(find_faults(folder, work)), [(str(folder), opened.name)])


def _record(model: Model, store: Store, cache: Cache, failure: Failure) -> None:
    """Records a failure with the key of what failed; it is not repeated before that changes."""
    try:
        with open_input(model) as opened:
            key = key_of(opened, digest_inputs(opened, cache)[0], release_versions())
    except BertferryError:
        key = ""
    store.write(f"{FAILED}/{model.name}.json", replace(failure, key=key).to_json().encode())


def _shown(report: PublishReport, model: Model, work: Work, staging: Path) -> PublishReport:
    """The report with paths as every host shows them."""
    replacements = [(str(staging / model.name), model.name), (model.path, model.input)]
    if (unpacked := work.source.location.unpacked) is not None:
        replacements.insert(0, (f"{unpacked.path}/{Path(model.path).name}", model.input))
    shown = relabel({**report.to_dict(), "source": model.path}, replacements)
    return PublishReport.from_dict(shown, model.name)


def relabel(value: Any, replacements: list[tuple[str, str]]) -> Any:  # noqa: ANN401 - any plain value
    """The value with parts of its texts replaced."""
    if isinstance(value, dict):
        return {key: relabel(item, replacements) for key, item in value.items()}
    if isinstance(value, list):
        return [relabel(item, replacements) for item in value]
    if isinstance(value, str):
        for old, new in replacements:
            value = value.replace(old, new)
    return value


def _receipt(
    model: Model,
    key: str,
    report: PublishReport,
    digests: Mapping[str, str],
    versions: Mapping[str, str],
    staging: Path,
) -> Receipt:
    from bertferry.export.manifest import hashes

    paths = [path for path in sorted(staging.rglob("*")) if path.is_file()]
    sizes = {path.relative_to(staging).as_posix(): path.stat().st_size for path in paths}
    unknown = [path for path in paths if path.relative_to(staging).as_posix() not in report.files]
    known = {**report.files, **hashes(unknown, staging)}
    return Receipt(
        name=model.name,
        key=key,
        input=model.input,
        source_layout=report.source_layout,
        task=report.task,
        parameters=report.conversion["parameters"],
        total_bytes=sum(sizes.values()),
        parts=tuple(map(_released_part, report.parts)),
        settings=settings(model),
        inputs=digests,
        files={name: (size, known[name]) for name, size in sizes.items()},
        versions=versions,
        notes=report.notes,
    )


def _released_part(part: Part) -> ReleasedPart:
    worst = max(_part_differences(part), default=(None, ""), key=lambda pair: pair[0])
    return ReleasedPart(part.path, part.total_bytes, part.verdict, *worst)


def _part_differences(part: Part) -> Iterator[tuple[float, str]]:
    """The largest difference of each output on each probe."""
    for candidate in (part.parity or {"candidates": ()})["candidates"]:
        for probe in candidate["probes"]:
            for diff in probe["diffs"]:
                if diff["statistics"] is not None:
                    yield float(diff["statistics"]["max_abs"]), diff["output"]


def _is_disk_full(error: BaseException) -> bool:
    """Whether an error, or what caused it, is a full disk: no other model has more room."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in DISK_FULL:
            return True
        if "No space left" in str(cause) or f"[Errno {errno.ENOSPC}]" in str(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
