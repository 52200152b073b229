"""How gRPC's own threads work. It reads this once, when it is imported, so nothing here may import it."""

import os
import sys

SETTINGS = {"GRPC_EXPERIMENTS": "-event_engine_client", "GRPC_ENABLE_FORK_SUPPORT": "false"}
"""Without its event engine, a message passes through fewer threads: 4 switches instead of 10 and three quarters of
the CPU per job (grpcio 1.85, Linux). What it falls back to is what it did for years before.

Its support for forks starts its threads again in the child, even in one that is about to become another program:
of children started as another user, while calls went on, a third died there (SIGSEGV or SIGABRT). None of ours
uses gRPC in a forked child."""


def tune_grpc() -> None:
    """Set it, unless the environment says otherwise. To be called before anything imports grpc; else too late."""
    if "grpc" not in sys.modules:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
