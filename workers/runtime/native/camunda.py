"""One Camunda broker: its configuration file and its command line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.runtime.native.engine import Engine
from workers.runtime.native.java import Java
from workers.runtime.native.jvm import java_command
from workers.runtime.native.ports import HOST, StackPorts

RECORDS_USER = "zeebe"

WANTED_RECORDS = (
    "decisionEvaluation",
    "decisionRequirements",
    "form",
    "incident",
    "job",
    "messageStartEventSubscription",
    "process",
    "processInstance",
    "processInstanceMigration",
    "processMessageSubscription",
    "userTask",
)
"""Value types that the case file, the task inbox and the coverage are made of; more only costs the engine time."""
UNWANTED_RECORDS = (
    "authorization",
    "checkpoint",
    "commandDistribution",
    "compensationSubscription",
    "decision",
    "deployment",
    "deploymentDistribution",
    "error",
    "escalation",
    "jobBatch",
    "message",
    "messageBatch",
    "messageCorrelation",
    "messageSubscription",
    "processEvent",
    "processInstanceBatch",
    "processInstanceCreation",
    "processInstanceModification",
    "resourceDeletion",
    "signal",
    "signalSubscription",
    "timer",
    "user",
    "variable",
    "variableDocument",
)


@dataclass(frozen=True, kw_only=True)
class Records:
    """Where the broker sends its records."""

    url: str
    password: str
    bulk: int = 200


@dataclass(frozen=True, kw_only=True)
class Broker:
    """Broker `number` (from 0) of an instance; `folder` holds its data and configuration."""

    number: int
    folder: Path
    ports: StackPorts
    heap: str
    controlled_clock: bool = False
    records: Records | None = None
    search_url: str | None = None
    """OpenSearch, where Operate and Tasklist read what the engine did."""
    partitions: int | None = None
    """None is as many as brokers."""

    def configuration(self) -> dict[str, Any]:
        """The Spring configuration, everything on 127.0.0.1."""
        own = self.ports.broker(self.number)
        broker: dict[str, Any] = {
            "gateway": {"enable": True, "network": {"host": HOST, "port": own.grpc}},
            "network": {
                "host": HOST,
                "advertisedHost": HOST,
                "commandApi": {"port": own.command},
                "internalApi": {"port": own.internal},
            },
            "data": {"directory": str(self.folder / "data"), "logSegmentSize": "64MB"},
            "cluster": self._cluster(),
            "threads": {"cpuThreadCount": 2, "ioThreadCount": 2},
        }
        if exporters := self._exporters():
            broker["exporters"] = exporters
        return {
            "server": {"address": HOST, "port": own.rest},
            "management": {"server": {"address": HOST, "port": own.management}},
            "spring": {"main": {"banner-mode": "off"}},
            "zeebe": {"clock": {"controlled": self.controlled_clock}, "broker": broker},
        }

    def _exporters(self) -> dict[str, Any]:
        exporters = {}
        if self.records:
            exporters["records"] = _exporter(self.records)
        if self.search_url:
            exporters["search"] = _search_exporter(self.search_url)
        return exporters

    def _cluster(self) -> dict[str, Any]:
        size = self.ports.brokers
        return {
            "nodeId": self.number,
            "clusterSize": size,
            "partitionsCount": self.partitions or size,
            "replicationFactor": size,
            "initialContactPoints": [f"{HOST}:{self.ports.broker(n).internal}" for n in range(size)],
        }

    def write_configuration(self) -> None:
        """Writes the files that the command line names; the password in them is for their owner only."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._file("application.yaml")
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.configuration(), indent=2))  # JSON is YAML too

    def command(self, java: Java, engine: Engine, jvm_options: list[str]) -> list[str]:
        """What to run."""
        options = [
            f"-Xmx{self.heap}",
            *jvm_options,
            f"-Dapp.home={self.folder}",
            f"-Dbasedir={self.folder}",
            f"-Dspring.config.additional-location=file:{self._file('application.yaml')}",
        ]
        main = "io.camunda.application.StandaloneBroker"
        return java_command(java, self.folder, options, engine.class_path, main)

    def health_url(self) -> str:
        """Answers 200 when the broker has its partitions and takes work."""
        return f"http://{HOST}:{self.ports.broker(self.number).management}/actuator/health/status"

    def _file(self, name: str) -> Path:
        return self.folder / name


def _exporter(records: Records) -> dict[str, Any]:
    values = dict.fromkeys(WANTED_RECORDS, True) | dict.fromkeys(UNWANTED_RECORDS, False)
    return {
        "className": "io.camunda.zeebe.exporter.ElasticsearchExporter",
        "args": {
            "url": records.url,
            "bulk": {"delay": 1, "size": records.bulk},
            "authentication": {"username": RECORDS_USER, "password": records.password},
            "index": {"createTemplate": False, "event": True, "command": False, "rejection": False} | values,
        },
    }


def _search_exporter(url: str) -> dict[str, Any]:
    return {
        "className": "io.camunda.zeebe.exporter.opensearch.OpensearchExporter",
        "args": {
            "url": url,
            "bulk": {"delay": 1, "size": 10},
            "index": {"numberOfShards": 1, "numberOfReplicas": 0},
        },
    }
