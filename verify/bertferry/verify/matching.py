"""Whether the sides of a comparison take the same inputs and return the same outputs, by what they declare."""

from collections.abc import Collection, Iterable, Sequence

from bertferry.core.errors import UsageError
from bertferry.core.inner_outputs import inner_spec
from bertferry.core.tasks import TaskSpec
from bertferry.verify.artifact import Artifact


def check_map(names: Collection[str], artifacts: Sequence[Artifact], *, read_names: bool = False) -> None:
    """Refuses names of which no artifact has any, unless inputs with names are `read_names` from a file, too.

    Raises:
      UsageError: listing the names that there are.
    """
    if not names or read_names or any(name in side.names for side in artifacts for name in names):
        return
    known = [f"{side.name} has {', '.join(_names(side, 'inputs', 'outputs'))}" for side in artifacts]
    raise UsageError(f"--map {', '.join(names)}: no artifact has such a name: {'; '.join(known)}")


def check_inputs(artifacts: Sequence[Artifact], task: TaskSpec) -> None:
    """Refuses an artifact that takes something else than the inputs of the task.

    Raises:
      UsageError: with the names of both.
    """
    for side in artifacts:
        takes = list(side.interface.inputs) if side.interface else []
        if unknown := [name for name in takes if name not in task.input_names]:
            own = next((name for name, standard in side.names.items() if standard == unknown[0]), unknown[0])
            raise UsageError(
                f"{side.name} takes {', '.join(_names(side, 'inputs'))}, the inputs of task {task.name} are "
                f"{', '.join(task.input_names)}: give --map {own}=NAME, or another --task"
            )


def check_outputs(reference: Artifact, candidates: Sequence[Artifact], outputs: str) -> tuple[str, ...]:
    """Refuses sides that return different outputs, and returns what is left out if `outputs` is `common`.

    Raises:
      UsageError: with the names of both sides.
    """
    left_out = []
    for side in candidates:
        if reference.interface is None or side.interface is None:
            continue
        want, got = expected_outputs(reference, side, reference.interface.outputs), list(side.interface.outputs)
        unmatched = [name for name in (*want, *got) if name not in want or name not in got]
        names = " and ".join(f"{at.name} returns {', '.join(_names(at, 'outputs'))}" for at in (reference, side))
        if unmatched and not set(want) & set(got):
            raise UsageError(f"{names}: say which are the same with --map THEIRS=OURS, or give another --task")
        if unmatched and outputs != "common":
            raise UsageError(
                f"{names}: compare those that both have with --outputs common, or say which are the same with "
                "--map THEIRS=OURS"
            )
        if unmatched:
            left_out.append(f"{', '.join(unmatched)}: not compared with {side.name}, since only one side has it")
    return tuple(left_out)


def expected_outputs(reference: Artifact, side: Artifact, returned: Iterable[str]) -> list[str]:
    """Which of the outputs that the reference returned another side must have.

    A checkpoint computes outputs on request for the sides that have them.
    """
    if reference.checkpoint is None or side.interface is None:
        return list(returned)
    return [name for name in returned if inner_spec(name) is None or name in side.interface.outputs]


def _names(side: Artifact, *which: str) -> list[str]:
    """An artifact's own names, with the standard ones if these are others."""
    standard = [name for at in which for name in getattr(side.interface, at, ())]
    own = {standard: name for name, standard in side.names.items()}
    return [f"{own[name]} ({name})" if own.get(name, name) != name else name for name in standard]
