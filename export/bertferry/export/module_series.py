"""Writes and loads modules of one configuration after another: their graphs are the same, byte for byte."""

import shutil
from pathlib import Path

import numpy as np

from bertferry.convert.bundle import BundleReader
from bertferry.convert.layouts.saved_model import variable_name
from bertferry.convert.readers.object_graph import GRAPH_KEY, ObjectGraph
from bertferry.core.config import EncoderConfig
from bertferry.core.errors import DataError
from bertferry.core.progress import ProgressCallback
from bertferry.core.temporary import TemporaryFolder
from bertferry.export.module_writer import (
    Module,
    Runners,
    check_module,
    load_runners,
    stored_value,
    weight_bytes,
    write_module,
)
from bertferry.export.text_assets import TextAssets
from bertferry.verify import Report

LARGEST = 600_000_000
"""Bytes of weights up to which a loaded module is kept; of larger ones, the values take most of the time."""
GRAPH, VARIABLES, ASSETS = "saved_model.pb", "variables/variables", "assets"


class ModuleSeries:
    """Keeps the graph of the last module that it wrote, and the module as it was loaded for its comparison.

    A further module of the same configuration, task and options gets that graph, its own values and assets; the
    loaded one is given the values that TensorFlow reads from the new files, and compared with the new source.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._key: object = None
        self._config: EncoderConfig | None = None
        self._graph = b""
        self._assets: list[str] = []
        self._variables: dict[str, str] = {}
        self._constants: dict[str, np.ndarray] = {}
        self._runners: Runners | None = None

    def keep_for(self, config: EncoderConfig) -> None:
        """Frees what is kept if that is of another configuration."""
        if config != self._config:
            self._forget()

    def takes(self, module: Module) -> bool:
        """Whether a module gains by being one of a series."""
        return module.origin is None and weight_bytes(module) <= LARGEST

    def write(self, directory: Path, module: Module) -> None:
        """Writes a module into an empty directory, as `write_module` does."""
        with TemporaryFolder() as folder:
            assets = _write_assets(module.assets, folder)
            if _key_of(module) == self._key and sorted(assets) == self._assets:
                self._write_again(directory, module, assets)
                return
        self._forget()
        write_module(directory, module)
        stored = BundleReader(directory / VARIABLES)
        in_file = sorted(stored.entries, key=lambda name: (stored.entries[name].offset, name))
        names = ObjectGraph(stored.read(GRAPH_KEY).item()).variables
        self._variables = {name: names.get(name, "") for name in in_file}
        parameters = _parameters(module)
        others = [name for name, variable in self._variables.items() if variable not in parameters]
        self._constants = {name: stored.read(name) for name in others}
        self._graph = (directory / GRAPH).read_bytes()
        self._assets = sorted(path.name for path in (directory / ASSETS).glob("*"))
        self._key, self._config = _key_of(module), module.source.config

    def _write_again(self, directory: Path, module: Module, assets: dict[str, Path]) -> None:
        import tensorflow as tf

        from bertferry.export.saved_model_files import write_fingerprint
        from bertferry.export.system_errors import system_errors

        parameters = _parameters(module)
        tensors = [
            tf.constant(
                self._constants[name] if name in self._constants else stored_value(module, parameters[variable])
            )
            for name, variable in self._variables.items()
        ]
        prefix = directory / VARIABLES
        shard = Path(f"{prefix}_temp/part-00000-of-00001")
        with system_errors():
            shard.parent.mkdir(parents=True)
            (directory / ASSETS).mkdir()
            for name, path in assets.items():
                shutil.copyfile(path, directory / ASSETS / name)
            (directory / GRAPH).write_bytes(self._graph)
            tf.raw_ops.SaveV2(
                prefix=str(shard),
                tensor_names=list(self._variables),
                shape_and_slices=[""] * len(tensors),
                tensors=tensors,
            )
            tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=[str(shard)], destination_prefix=str(prefix))
            write_fingerprint(directory)

    def check(self, module: Module, directory: Path, progress: ProgressCallback | None = None) -> Report:
        """Compares the written module with its source, as `check_module` does."""
        return check_module(module, directory, progress, self._load)

    def _load(self, directory: Path, task: str) -> Runners:
        """The kept module with the values in a directory, whose graph is the same.

        Raises:
          DataError: it is not.
        """
        if self._runners is None:
            self._runners = load_runners(directory, task)
            return self._runners
        import tensorflow as tf

        if (directory / GRAPH).read_bytes() != self._graph:
            raise DataError(f"{directory / GRAPH}: changed after it was written")
        root = tf.train.Checkpoint(root=self._runners[0].loaded)
        root.read(str(directory / VARIABLES)).assert_consumed()
        return self._runners


def _key_of(module: Module) -> object:
    """What the graph of a module depends on, but for the names of its assets."""
    source, assets = module.source, module.assets
    return (
        source.config,
        tuple(source.sizes.items()),
        source.inner,
        module.task,
        module.parameters,
        module.precision,
        module.frozen,
        None if assets is None else (assets.vocabulary is None, assets.do_lower_case),
    )


def _parameters(module: Module) -> dict[str, str]:
    """The canonical names of a module's parameters by those of its variables."""
    return {variable_name(name, module.source.config.architecture): name for name in module.parameters}


def _write_assets(assets: TextAssets | None, folder: Path) -> dict[str, Path]:
    """The files of a module's assets by the names that TensorFlow gives them."""
    if assets is None:
        return {}
    files = [*([] if assets.vocabulary is None else [assets.vocabulary]), *assets.write_tokenizer(folder)]
    return {path.name: path for path in files}
