"""PostgreSQL and Camunda 8.8 in containers, for ORDEROPS_ENGINE=containers; the images of docker-compose.yml.

Not tried beyond “no Docker engine answers”: none was at hand.
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException
from ruamel.yaml import YAML
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy, LogMessageWaitStrategy

from workers.runtime.errors import UserError
from workers.runtime.native.ports import StackPorts

ROOT = Path(__file__).parents[1]
COMPOSE, CONFIGURATION = ROOT / "docker-compose.yml", ROOT / "docker-camunda.yaml"
GRPC, REST, MANAGEMENT, POSTGRES = 26500, 8080, 9600, 5432
PASSWORD = "throw-away"
HOST_FROM_INSIDE = "host.docker.internal"


@dataclass(frozen=True)
class Containers:
    """Where the parts are reached; the attributes of the native stack that tests use."""

    database_url: str
    grpc_address: str
    rest_url: str
    management_url: str
    api_host: str
    ports: StackPorts
    records_password: str

    @property
    def api_url(self) -> str:
        """Where tests have to start our api."""
        return f"http://{self.api_host}:{self.ports.api}"

    def environment(self) -> dict[str, str]:
        """The settings by which our programs find these parts."""
        return {
            "ORDEROPS_DATABASE_URL": self.database_url,
            "ORDEROPS_ZEEBE_GRPC": self.grpc_address,
            "ORDEROPS_ZEEBE_REST": self.rest_url,
            "ORDEROPS_API_HOST": self.api_host,
            "ORDEROPS_API_PORT": str(self.ports.api),
            "ORDEROPS_BRIDGE_HOST": self.api_host,
            "ORDEROPS_BRIDGE_PORT": str(self.ports.bridge),
            "ORDEROPS_PUBLIC_URL": self.api_url,
            "ORDEROPS_LINK_SECRET": PASSWORD,
            "ORDEROPS_RECORDS_PASSWORD": self.records_password,
        }


@contextlib.contextmanager
def containers_stack(ports: StackPorts, records_password: str) -> Iterator[Containers]:
    """Both containers for as long as the block lasts; the engine sends its records to our bridge on this machine.

    Raises UserError when no Docker engine answers.
    """
    require_docker()
    with _postgres() as postgres, _camunda(ports.bridge, records_password) as camunda:
        host = camunda.get_container_host_ip()
        database = f"{postgres.get_container_host_ip()}:{postgres.get_exposed_port(POSTGRES)}"
        yield Containers(
            database_url=f"postgresql+psycopg://postgres:{PASSWORD}@{database}/postgres",
            grpc_address=f"{host}:{camunda.get_exposed_port(GRPC)}",
            rest_url=f"http://{host}:{camunda.get_exposed_port(REST)}",
            management_url=f"http://{host}:{camunda.get_exposed_port(MANAGEMENT)}",
            api_host=_reached_from_inside(),
            ports=ports,
            records_password=records_password,
        )


def require_docker() -> None:
    """Raises UserError when no Docker engine answers."""
    try:
        with contextlib.closing(docker.from_env(timeout=5)) as client:
            client.ping()
    except DockerException as error:
        raise UserError(
            "ORDEROPS_ENGINE=containers asks for a Docker engine, and none answers.",
            hint="Start Docker, or leave ORDEROPS_ENGINE away: the tests then run on the native engine.",
        ) from error


def _reached_from_inside() -> str:
    """Where a server of this machine listens so that a container reaches it: the bridge; on macOS the loopback."""
    if sys.platform != "linux":
        return "127.0.0.1"
    with contextlib.closing(docker.from_env(timeout=5)) as client:
        gateway: str = client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    return gateway


def image_of(service: str) -> str:
    """The image that docker-compose.yml pins for this service."""
    image: str = YAML(typ="safe").load(COMPOSE)["services"][service]["image"]
    return image


def _postgres() -> DockerContainer:
    ready = LogMessageWaitStrategy("database system is ready to accept connections", times=2)
    container = DockerContainer(image_of("postgres"), env={"POSTGRES_PASSWORD": PASSWORD}, ports=[POSTGRES])
    return container.waiting_for(ready)


def _camunda(records_port: int, records_password: str) -> DockerContainer:
    """The broker alone, with the controllable clock; no search engine, so neither Operate nor Tasklist."""
    ready = HttpWaitStrategy(MANAGEMENT, "/actuator/health/status").with_startup_timeout(120)
    return DockerContainer(
        image_of("camunda"),
        env={"SPRING_APPLICATION_JSON": json.dumps(_configuration(records_port, records_password))},
        ports=[GRPC, REST, MANAGEMENT],
        extra_hosts={HOST_FROM_INSIDE: "host-gateway"},
    ).waiting_for(ready)


def _configuration(records_port: int, records_password: str) -> dict[str, Any]:
    """What differs from docker-camunda.yaml, and its exporter with our own address and small deliveries."""
    exporter = YAML(typ="safe").load(CONFIGURATION)["zeebe"]["broker"]["exporters"]["records"]
    exporter["args"] |= {
        "url": f"http://{HOST_FROM_INSIDE}:{records_port}",
        "bulk": {"delay": 1, "size": 10},
        "authentication": {"username": "zeebe", "password": records_password},
    }
    security = {"authentication": {"unprotected-api": True}, "authorizations": {"enabled": False}}
    return {
        "spring": {"profiles": {"active": "broker,consolidated-auth"}},
        "camunda": {"data": {"secondary-storage": {"type": "none"}}, "security": security},
        "zeebe": {"clock": {"controlled": True}, "broker": {"exporters": {"records": exporter}}},
    }
