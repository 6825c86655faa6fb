"""Outputs and the siblings they are written in: names as they are, leftovers of dead processes alone."""

import os
import re
import subprocess
import sys
import time

import pytest

from bertferry.core import siblings
from bertferry.core.atomic import check_destination, clear_leftovers, new_directory, new_file
from bertferry.core.errors import DataError, UsageError
from bertferry.core.siblings import abandoned_siblings, sibling


@pytest.fixture
def ended():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def make_sibling(process, target, purpose):
    """A sibling that another process of this host has made."""
    own = sibling(target, purpose)
    path = own.with_name(f"{own.name.rpartition('-')[0]}-{process}")
    path.mkdir()
    (path / "weights").write_text("...")
    return path


def test_leftovers_of_a_dead_process_go_and_those_of_a_living_one_stay(tmp_path, ended):
    target = tmp_path / "out"
    dead, living = make_sibling(ended, target, "tmp"), make_sibling(os.getppid(), target, "tmp")
    clear_leftovers(target)
    assert not dead.exists()
    assert living.exists()


def test_an_output_that_had_been_moved_aside_comes_back(tmp_path, ended):
    target = tmp_path / "out"
    make_sibling(ended, target, "old")
    clear_leftovers(target)
    assert (target / "weights").read_text() == "..."
    assert list(tmp_path.iterdir()) == [target]


def test_an_empty_directory_is_no_output_to_overwrite(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    with new_directory(target) as staging:
        (staging / "weights").write_text("...")
    assert [path.name for path in target.iterdir()] == ["weights"]
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(UsageError, match="already exists"), new_directory(target):
        pass


@pytest.mark.parametrize("name", ["m[12]", "m*", "m?", "[m]"])
def test_names_are_no_patterns(tmp_path, ended, name):
    """Clearing up for `m[12]` once took what a run for `m1` had saved."""
    others = [
        make_sibling(ended, tmp_path / stem, purpose) for stem in ("m1", "m2", "mm") for purpose in ("tmp", "old")
    ]
    own = make_sibling(ended, tmp_path / name, "tmp")
    clear_leftovers(tmp_path / name)
    assert not own.exists()
    assert all(other.exists() for other in others)
    with new_directory(tmp_path / name) as staging:
        (staging / "a").write_text("b")
    assert (tmp_path / name / "a").read_text() == "b"


@pytest.mark.parametrize(("hours", "goes"), [(0, False), (23, False), (25, True)])
def test_what_another_host_made_is_left_for_a_day(tmp_path, monkeypatch, ended, hours, goes):
    target = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(siblings, "_host_and_boot", lambda: "another-1234abcd")
        theirs = make_sibling(ended, target, "tmp")
    for path in (theirs / "weights", theirs):
        os.utime(path, (time.time(), time.time() - hours * 3600))
    assert list(abandoned_siblings(target, "tmp")) == ([theirs] if goes else [])


def test_a_sibling_says_which_host_boot_and_process_made_it(tmp_path):
    name = sibling(tmp_path / "out", "tmp").name
    assert re.fullmatch(rf"\.out\.tmp-{siblings._host_and_boot()}-{os.getpid()}\.\d+", name)
    assert siblings.BOOT.read_text()[:8] in sibling(tmp_path / "out", "tmp").name


def test_an_id_that_is_used_again_is_not_the_same_process(tmp_path):
    own = sibling(tmp_path / "out", "tmp")
    own.mkdir()
    assert list(abandoned_siblings(tmp_path / "out", "tmp")) == []
    former = own.with_name(f"{own.name}1")  # of a process that began at another time
    own.rename(former)
    assert list(abandoned_siblings(tmp_path / "out", "tmp")) == [former]


def test_a_process_that_nobody_has_waited_for_has_ended(tmp_path):
    code = "import sys; from pathlib import Path; from bertferry.core.siblings import sibling; "
    code += "sibling(Path(sys.argv[1]), 'tmp').mkdir()"
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path / "out"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    (left,) = tmp_path.iterdir()
    assert list(abandoned_siblings(tmp_path / "out", "tmp")) == [left]
    assert process.wait() == 0


@pytest.mark.parametrize("new", [new_directory, new_file])
def test_a_source_that_cannot_be_read_is_not_blamed_on_the_output(tmp_path, new):
    missing = tmp_path / "source" / "vocab.txt"
    with pytest.raises(UsageError, match=rf"^{missing}: cannot be read: No such file"), new(tmp_path / "out"):
        missing.read_text()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("new", [new_directory, new_file])
def test_no_error_names_the_sibling(tmp_path, new):
    with pytest.raises(DataError) as raised, new(tmp_path / "out") as staging:
        raise DataError(f"{staging}: not written: hub {staging} is damaged")
    assert str(raised.value) == f"{tmp_path}/out: not written: hub {tmp_path}/out is damaged"


@pytest.mark.parametrize("new", [new_directory, new_file])
def test_an_output_that_cannot_be_written_is_named(tmp_path, new):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file/out: cannot be written: "), new(tmp_path / "file" / "out"):
        pytest.fail("nothing can be written there")


@pytest.mark.parametrize("source", ["model", "model/weights", "model/bert.ckpt"])
@pytest.mark.parametrize("output", ["model", "", "../link"])
def test_a_source_is_never_replaced(tmp_path, source, output):
    folder = tmp_path / "parent"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "weights").write_text("...")
    (tmp_path / "link").symlink_to(folder / "model")
    with pytest.raises(UsageError, match="would remove the source"):
        check_destination(folder / output, overwrite=True, sources=(None, folder / source))
    check_destination(folder / "other", overwrite=True, sources=(folder / source,))
    check_destination(folder / "model" / "inside", overwrite=False, sources=(folder / source,))


def test_a_folder_of_links_is_not_replaced_either(tmp_path):
    (tmp_path / "blob").write_text("...")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "weights").symlink_to(tmp_path / "blob")
    with pytest.raises(UsageError, match="would remove the source"):
        check_destination(tmp_path / "snapshot", overwrite=True, sources=(tmp_path / "snapshot" / "weights",))


def test_a_parent_of_the_current_directory_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match="contains the current directory"):
        check_destination(tmp_path, overwrite=True)


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_keeps_pointing_where_it_does(tmp_path, exists):
    place, link = tmp_path / "disk" / "out", tmp_path / "link"
    place.parent.mkdir()
    if exists:
        place.mkdir()
        (place / "old").write_text("...")
    link.symlink_to(place)
    with new_directory(link, overwrite=True) as staging:
        (staging / "weights").write_text("...")
    assert link.is_symlink()
    assert [path.name for path in place.iterdir()] == ["weights"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"]
    assert list(place.parent.iterdir()) == [place]
