"""Operate and Tasklist in one JVM beside the broker: their configuration and their command line."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.runtime import webapp_users
from workers.runtime.errors import UserError
from workers.runtime.native.children import Program
from workers.runtime.native.engine import Engine
from workers.runtime.native.health import answers
from workers.runtime.native.java import Java
from workers.runtime.native.jvm import java_command
from workers.runtime.native.ports import HOST, StackPorts
from workers.runtime.native.search import CLUSTER

HEAP = "768m"
USER = "operator"
"""Who may do everything in both; the password is a secret of the instance."""

_IMPORTER = {"readerBackoff": 300, "schedulerBackoff": 300}
"""Milliseconds between looks for records that are not there yet, and until a full queue is tried again; both are
5 s by themselves."""


@dataclass(frozen=True, kw_only=True)
class Webapps:
    """Operate and Tasklist of an instance; `folder` holds their configuration."""

    folder: Path
    ports: StackPorts
    search_url: str
    password: str

    @property
    def operate_url(self) -> str:
        """Where people find Operate."""
        return f"http://{HOST}:{self.ports.webapps}/operate"

    @property
    def tasklist_url(self) -> str:
        """Where people find Tasklist."""
        return f"http://{HOST}:{self.ports.webapps}/tasklist"

    def program(self, java: Java, engine: Engine, jvm_options: list[str], log: Path) -> Program:
        """What to run; writes the configuration, which is for its owner only because of the password."""
        return Program(
            name="webapps",
            command=self._command(java, engine, jvm_options),
            log=log,
            folder=self.folder,
            ready=_Readiness(self),
            ready_seconds=400,
            address=self.operate_url,
        )

    def _command(self, java: Java, engine: Engine, jvm_options: list[str]) -> list[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "application.yaml"
        configuration.touch(mode=0o600)
        configuration.write_text(json.dumps(self.configuration(), indent=2))
        options = [
            f"-Xmx{HEAP}",
            *jvm_options,
            "-Dspring.profiles.active=operate,tasklist,auth",
            f"-Dspring.config.additional-location=file:{configuration}",
        ]
        return java_command(
            java, self.folder, options, engine.class_path, "io.camunda.application.StandaloneCamunda"
        )

    def configuration(self) -> dict[str, Any]:
        """The Spring configuration, everything on 127.0.0.1."""
        first = self.ports.broker(0)
        search = {"url": self.search_url, "clusterName": CLUSTER}
        gateway = {
            "gatewayAddress": f"{HOST}:{first.grpc}",
            "restAddress": f"http://{HOST}:{first.rest}",
        }
        both = {
            "database": "opensearch",
            "opensearch": {**search, "numberOfReplicas": 0},
            "zeebeOpensearch": search,
            "zeebe": gateway,
            "importer": _IMPORTER,
            "archiverEnabled": False,  # it wants the index-state-management plugin of OpenSearch
        }
        user = {"userId": USER, "displayName": USER, "password": self.password}
        return {
            "server": {"address": HOST, "port": self.ports.webapps},
            "management": {"server": {"address": HOST, "port": self.ports.webapps_management}},
            "spring": {"main": {"banner-mode": "off"}, "lifecycle": {"timeout-per-shutdown-phase": "5s"}},
            "zeebe": {"gateway": {"cluster": self._cluster()}},
            "camunda": {
                "database": {"type": "opensearch", **search},
                "operate": {**both, **user, "tasklistUrl": self.tasklist_url},
                "tasklist": both,
            },
        }

    def _cluster(self) -> dict[str, Any]:
        """They join the cluster as a gateway would; unless told otherwise on every interface, at port 26502."""
        brokers = range(self.ports.brokers)
        return {
            "host": HOST,
            "advertisedHost": HOST,
            "port": self.ports.webapps_cluster,
            "advertisedPort": self.ports.webapps_cluster,
            "memberId": "webapps",
            "initialContactPoints": [f"{HOST}:{self.ports.broker(number).internal}" for number in brokers],
        }


@dataclass
class _Readiness:
    """Whether both serve, and nobody can log in with what everybody knows: seen to from the first look on."""

    webapps: Webapps
    shut: bool = False

    def __call__(self) -> bool:
        """Harmless to repeat."""
        self.shut = self.shut or self._shut()
        management = f"http://{HOST}:{self.webapps.ports.webapps_management}"
        return self.shut and answers(f"{management}/actuator/health/readiness")

    def _shut(self) -> bool:
        search_url = self.webapps.search_url
        if not answers(webapp_users.address(search_url, webapp_users.WELL_KNOWN[-1])):
            return False
        with suppress(UserError):
            return webapp_users.shut_well_known(search_url)
        return False
