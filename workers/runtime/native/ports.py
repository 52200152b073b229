"""Ports. An instance has one base port, and everything else is counted from it.

    base + 0   gateway, gRPC            base + 3   gateway, REST
    base + 1   broker, command API      base + 4   broker, management (health, clock)
    base + 2   broker, internal API     base + 5   our api
                                        base + 6   our worker (health, metrics)
                                        base + 7   our bridge (the engine's records; health, metrics)
    base + 8   Operate and Tasklist     base + 17  Operate and Tasklist, to the brokers
    base + 9   their management         base + 18  OpenSearch, HTTP
                                        base + 19  OpenSearch, transport

Broker 2 of a cluster has the same five from base + 10, broker 3 from base + 20; all else is there once, and what
Operate and Tasklist need in a full stack only.
"""

import errno
import random
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from workers.runtime.errors import UserError

HOST = "127.0.0.1"
BLOCK = 10
_TESTS = range(20000, 32000, 100)  # below what Linux and macOS hand out themselves


@dataclass(frozen=True)
class BrokerPorts:
    """The ports of one broker."""

    first: int

    @property
    def grpc(self) -> int:
        """Gateway, gRPC."""
        return self.first

    @property
    def command(self) -> int:
        """Gateway to broker."""
        return self.first + 1

    @property
    def internal(self) -> int:
        """Broker to broker."""
        return self.first + 2

    @property
    def rest(self) -> int:
        """Gateway, REST."""
        return self.first + 3

    @property
    def management(self) -> int:
        """Health, metrics, clock."""
        return self.first + 4

    def named(self, broker: str) -> dict[int, str]:
        """Port to what needs it, in words."""
        names = {
            self.grpc: "gRPC",
            self.command: "command API",
            self.internal: "internal API",
            self.rest: "REST",
            self.management: "management",
        }
        return {port: f"{broker} ({name})" for port, name in names.items()}


@dataclass(frozen=True)
class StackPorts:
    """All ports of an instance."""

    base: int
    brokers: int = 1

    def broker(self, number: int) -> BrokerPorts:
        """The ports of broker 0, 1, …"""
        return BrokerPorts(self.base + BLOCK * number)

    @property
    def api(self) -> int:
        """Our api."""
        return self.base + 5

    @property
    def worker(self) -> int:
        """Our worker: health and metrics."""
        return self.base + 6

    @property
    def bridge(self) -> int:
        """Our bridge: where the engine sends its records."""
        return self.base + 7

    @property
    def webapps(self) -> int:
        """Operate and Tasklist."""
        return self.base + 8

    @property
    def webapps_management(self) -> int:
        """Health of Operate and Tasklist."""
        return self.base + 9

    @property
    def webapps_cluster(self) -> int:
        """Operate and Tasklist to the brokers."""
        return self.base + 17

    @property
    def search(self) -> int:
        """OpenSearch, HTTP."""
        return self.base + 18

    @property
    def search_transport(self) -> int:
        """OpenSearch among its own."""
        return self.base + 19

    def named(self, *, apps: bool = True, full: bool = False) -> dict[int, str]:
        """Port to what needs it, in words."""
        named: dict[int, str] = {}
        for number in range(self.brokers):
            named |= self.broker(number).named("broker" if self.brokers == 1 else f"broker {number + 1}")
        if apps:
            named |= {self.api: "api", self.worker: "worker", self.bridge: "bridge"}
        if full:
            named |= {
                self.webapps: "Operate and Tasklist",
                self.webapps_management: "Operate and Tasklist (management)",
                self.webapps_cluster: "Operate and Tasklist (cluster)",
                self.search: "OpenSearch",
                self.search_transport: "OpenSearch (transport)",
            }
        return named


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of 127.0.0.1 (TCP) and it could be listened on."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=0.5):
        return False
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                return False
            raise
    return True


def require_free(named: dict[int, str]) -> None:
    """Raises UserError naming the first taken port, what needs it and, where visible, who has it."""
    for port, what in named.items():
        if not 1024 <= port <= 65535:
            raise UserError(
                f"Port {port}, for the {what}, is not possible.",
                hint="Choose a base port from 1024 to 65000 with --base-port.",
            )
        if not is_free(port):
            raise UserError(
                f"Port {port}, needed by the {what}, is taken{_by_whom(port)}.",
                hint="Stop that program, or move the whole instance with --base-port, "
                f"for example --base-port {free_base_port()}.",
            )


def _by_whom(port: int) -> str:
    """“ by python (process 42)”, or nothing when the system does not let us see."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""


def free_base_port(brokers: int = 1, avoid: Iterable[int] = ()) -> int:
    """A base port at random whose ports are all free; `avoid` holds the bases of other instances."""
    for base in random.sample(_TESTS, len(_TESTS)):
        if base not in set(avoid) and all(is_free(port) for port in StackPorts(base, brokers).named(full=True)):
            return base
    raise UserError("No free ports were found between 20000 and 32000.", hint="Stop what is not needed.")
