"""Modules that are written one after another with the same graph are those that would be written alone."""

import shutil
from dataclasses import replace

import pytest
from random_checkpoint import config_of, values, write

from bertferry.convert import SourceOptions, open_checkpoint
from bertferry.core.atomic import storing
from bertferry.core.errors import DataError
from bertferry.export import ModuleOptions
from bertferry.export.hub_exporter import plan_module
from bertferry.export.module_series import ModuleSeries
from bertferry.export.module_writer import record_source, write_module

pytest.importorskip("tensorflow_hub", reason="pip install 'bertferry[tensorflow]'")

CONFIG = replace(config_of("tiny"), vocab_size=200, hidden_size=32, intermediate_size=64)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Two checkpoints that differ in their values and in what their last token is, and a narrower one."""
    folder = tmp_path_factory.mktemp("series")
    for number, (name, config) in enumerate(
        {"first": CONFIG, "second": CONFIG, "narrow": replace(CONFIG, intermediate_size=48)}.items()
    ):
        write(folder / name, config, values(config, number))
        vocabulary = folder / name / "vocab.txt"
        vocabulary.write_text(vocabulary.read_text().rstrip("\n") + f"{number}\n")
    return folder


DEFAULTS = ModuleOptions()


def planned(source, options=DEFAULTS):
    opened = open_checkpoint(source, SourceOptions(do_lower_case=True))
    module = plan_module(opened, source / "module", options, None)
    return replace(module, recording=record_source(module))


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize(
    "options", [ModuleOptions(), ModuleOptions(precision="fp16"), ModuleOptions(freeze=("pooler",))]
)
def test_a_further_module_is_the_one_written_alone(sources, tmp_path, options):
    series, verdicts = ModuleSeries(), []
    for name in ("first", "second", "first"):
        module = planned(sources / name, options)
        for folder, writer in ((tmp_path / "ours", series.write), (tmp_path / "alone", write_module)):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            writer(folder, module)
        assert files_of(tmp_path / "ours") == files_of(tmp_path / "alone")
        with storing(tmp_path / "ours"):
            verdicts.append(series.check(module, tmp_path / "ours"))
    assert [verdict.ok for verdict in verdicts] == [True] * 3


def test_the_kept_module_takes_the_values_of_the_files(sources, tmp_path):
    series = ModuleSeries()
    first, second = (planned(sources / name) for name in ("first", "second"))
    for name, module in (("first", first), ("second", second)):
        (tmp_path / name).mkdir()
        series.write(tmp_path / name, module)
        assert series.check(module, tmp_path / name).ok
    shutil.rmtree(tmp_path / "second/variables")
    shutil.copytree(tmp_path / "first/variables", tmp_path / "second/variables")
    assert not series.check(second, tmp_path / "second").ok


def test_a_module_of_another_configuration_has_a_graph_of_its_own(sources, tmp_path):
    series, narrow = ModuleSeries(), planned(sources / "narrow")
    for name, module in (("first", planned(sources / "first")), ("narrow", narrow)):
        (tmp_path / name).mkdir()
        series.write(tmp_path / name, module)
        assert series.check(module, tmp_path / name).ok
    (tmp_path / "alone").mkdir()
    write_module(tmp_path / "alone", narrow)
    assert files_of(tmp_path / "narrow") == files_of(tmp_path / "alone")


def test_a_graph_that_changed_on_disk_is_refused(sources, tmp_path):
    series, module = ModuleSeries(), planned(sources / "first")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        series.write(tmp_path / name, module)
        if name == "two":
            (tmp_path / "two/saved_model.pb").write_bytes(b"")
            with pytest.raises(DataError, match=r"saved_model\.pb: changed after it was written"):
                series.check(module, tmp_path / name)
        else:
            assert series.check(module, tmp_path / name).ok
