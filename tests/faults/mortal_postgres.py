"""A PostgreSQL that may be frozen, killed and started again."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from workers.casefile import migrate
from workers.runtime.native.children import Child, Program
from workers.runtime.native.ports import free_base_port
from workers.runtime.native.postgres import Postgres, prepare_postgres


@dataclass
class MortalPostgres:
    """Reached over a unix socket and over TCP. Whatever is done to it is done to all of its processes."""

    prepared: Postgres
    port: int
    log: Path
    child: Child | None = None

    def url(self, way: str) -> str:
        """For SQLAlchemy; `way` is unix or tcp."""
        host = self.prepared.socket_folder if way == "unix" else "127.0.0.1"
        return f"postgresql+psycopg://postgres@localhost:{self.port}/postgres?host={host}"

    def start(self) -> None:
        """Returns when it takes connections. One that refuses to start is started again, as the keeper does."""
        more = ["--listen_addresses=127.0.0.1", f"--port={self.port}", "--deadlock_timeout=100ms"]
        command = [*self.prepared.command, *more]
        program = Program(
            name="postgres",
            command=command,
            user=self.prepared.user,
            log=self.log,
            stop_signal=signal.SIGINT,  # without waiting for its clients to go
        )
        self.child = Child(program)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, self.log.read_text()[-2_000:]
            time.sleep(0.02)
            if not self.child.running():
                self.child = Child(program)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(host=str(self.prepared.socket_folder), port=self.port, user="postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def freeze(self) -> None:
        """It hangs: connections stay open, the kernel takes new ones, and nobody answers."""
        self._all(psutil.Process.suspend)

    def thaw(self) -> None:
        """It goes on as if nothing had been."""
        self._all(psutil.Process.resume)

    def kill(self) -> None:
        """SIGKILL for all of it; from then on connections are refused."""
        killed = self._all(psutil.Process.kill)
        psutil.wait_procs(killed, timeout=30)  # while one of them holds the memory, no new one starts
        assert self.child is not None
        self.child.stop()
        self.child = None

    def revive(self) -> None:
        """It runs, whatever was done to it."""
        if self.child is None:
            self.start()
        else:
            self.thaw()

    def stop(self) -> None:
        """Whatever state it is in."""
        if self.child is not None:
            self.thaw()
            self.child.stop()

    def _all(self, do: Callable[[psutil.Process], None]) -> list[psutil.Process]:
        """The server, stopped first: it starts no more processes that would be overlooked. Then its own."""
        assert self.child is not None
        server = psutil.Process(self.child.pid)
        server.suspend()
        processes = [server, *server.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                do(process)
        return processes


@contextmanager
def mortal_postgres(folder: Path) -> Iterator[MortalPostgres]:
    """One that is migrated and runs; gone at the end, in whatever state it was left."""
    postgres = MortalPostgres(prepare_postgres(folder), free_base_port(), folder.with_suffix(".log"))
    try:
        postgres.start()
        migrate.upgrade(postgres.url("unix"))
        yield postgres
    finally:
        postgres.stop()
