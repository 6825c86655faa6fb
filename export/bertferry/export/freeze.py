"""Selects the parameters to freeze."""

import re
from collections.abc import Iterable

from bertferry.core.config import EncoderConfig
from bertferry.core.errors import UsageError

KNOWN = "embeddings, pooler, first:K (blocks 0 to K-1, without the embeddings), encoder (all blocks)"


def frozen_parameters(choices: Iterable[str], names: Iterable[str], config: EncoderConfig) -> frozenset[str]:
    """The canonical names of the parameters to freeze.

    Args:
      choices: `embeddings`, `pooler`, `encoder` (all blocks), or `first:K`: blocks 0 to K-1.
      names: canonical names of the module's parameters.
      config: the number of blocks, and whether they share their weights.

    Raises:
      UsageError: an unknown choice, more blocks than the encoder has, or some of those that share their weights.
    """
    prefixes: list[str] = []
    for choice in choices:
        if choice in ("embeddings", "pooler", "encoder"):
            prefixes.append(f"{choice}/")
            continue
        match = re.fullmatch(r"first:(\d+)", choice)
        if not match:
            raise UsageError(f"--freeze {choice}: expected one of {KNOWN}")
        if not 1 <= int(match[1]) <= config.num_layers:
            raise UsageError(f"--freeze {choice}: the encoder has {config.num_layers} blocks")
        if config.switches.shares_blocks:
            raise UsageError(
                f"--freeze {choice}: all blocks share their weights: freeze them with --freeze encoder"
            )
        prefixes += [f"encoder/{layer}/" for layer in range(int(match[1]))]
    return frozenset(name for name in names if name.startswith(tuple(prefixes)))
