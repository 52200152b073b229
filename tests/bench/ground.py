"""What the benchmarks run on: a stack of their own in a folder of its own, deleted at the end."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workers.runtime.native.config import StackConfig
from workers.runtime.native.ports import free_base_port
from workers.runtime.native.stack import Stack, running_stack

Say = Callable[[str], None]
"""Called with what happens now."""

PROGRAMS = {
    "broker": "broker-1",
    "worker": "worker",
    "api": "api",
    "bridge": "bridge",
    "postgres": "postgres",
}
"""Programs of the stack, by what they are called in the figures."""


@dataclass(frozen=True)
class Lengths:
    """How long the parts measure, in seconds, and how often: figures are the medians of the rounds."""

    warm: float
    window: float
    rounds: int = 1
    quick: bool = False


FULL = Lengths(warm=90, window=20, rounds=3)


def quick_lengths(left: float) -> Lengths:
    """The short form for so many seconds: its parts take 13 s besides measuring, the rest is shared out."""
    window = min(max((left - 13) / 4.75, 1.5), 5.0)
    return Lengths(warm=0.8 * window, window=window, quick=True)


@dataclass(frozen=True)
class Ground:
    """A running stack and how long to measure on it."""

    stack: Stack
    lengths: Lengths
    say: Say
    secret: str
    """What webhooks are signed with."""
    pids: Mapping[str, int]
    """The programs that are measured, by what they are called in the figures; `broker` and `postgres` at least."""


@contextmanager
def ground(lengths: Lengths, say: Say, partitions: int = 1, short_lived: bool = False) -> Iterator[Ground]:
    """A stack of the benchmarks' own, with logs as production writes them."""
    with tempfile.TemporaryDirectory(prefix="orderops-bench-", ignore_cleanup_errors=True) as folder:
        config = StackConfig(
            instance="bench",
            short_lived=short_lived,
            home=Path(folder),
            base_port=free_base_port(),
            partitions=partitions,
            environment={"ORDEROPS_LOG_FORMAT": "json"},
        )
        with running_stack(config, say) as stack:
            secret = stack.secrets["ORDEROPS_SHOPIFY_SECRETS"].split(",")[0]
            yield Ground(stack, lengths, say, secret, {name: stack.pid(PROGRAMS[name]) for name in PROGRAMS})
