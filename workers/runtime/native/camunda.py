"""One Camunda broker: its configuration file and its command line."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.runtime.native.engine import Engine
from workers.runtime.native.java import Java
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
    "processInstanceMigration",
    "processInstanceModification",
    "resourceDeletion",
    "signal",
    "signalSubscription",
    "timer",
    "user",
    "variable",
    "variableDocument",
)

LOGGING = """\
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <Console name="Console" target="SYSTEM_OUT">
      <PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level %logger{36} - %msg%n"/>
    </Console>
  </Appenders>
  <Loggers>
    <Logger name="org.ehcache.core.EhcacheManager" level="warn"/>
    <Root level="info"><AppenderRef ref="Console"/></Root>
  </Loggers>
</Configuration>
"""


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
        if self.records:
            broker["exporters"] = {"records": _exporter(self.records)}
        return {
            "server": {"address": HOST, "port": own.rest},
            "management": {"server": {"address": HOST, "port": own.management}},
            "spring": {"main": {"banner-mode": "off"}},
            "zeebe": {"clock": {"controlled": self.controlled_clock}, "broker": broker},
        }

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
        self._file("log4j2.xml").write_text(LOGGING)

    def command(self, java: Java, engine: Engine, jvm_options: list[str]) -> list[str]:
        """What to run. The options are kept in a file, since the class path has 450 entries."""
        options = [
            f"-Xmx{self.heap}",
            *JVM_OPTIONS,
            *jvm_options,
            f"-Dapp.home={self.folder}",
            f"-Dbasedir={self.folder}",
            f"-Dlog4j.configurationFile={self._file('log4j2.xml')}",
            f"-Dspring.config.additional-location=file:{self._file('application.yaml')}",
            "-cp",
            os.pathsep.join(engine.class_path),
        ]
        arguments = self._file("java.args")
        arguments.write_text("\n".join(f'"{_escaped(option)}"' for option in options))
        return [str(java.path), f"@{arguments}", "io.camunda.application.StandaloneBroker"]

    def health_url(self) -> str:
        """Answers 200 when the broker has its partitions and takes work."""
        return f"http://{HOST}:{self.ports.broker(self.number).management}/actuator/health/status"

    def _file(self, name: str) -> Path:
        return self.folder / name


JVM_OPTIONS = [
    "-XX:+UseSerialGC",  # measured on 2 cores: 20 % quicker to start than G1, and no slower under load
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
]


def _escaped(option: str) -> str:
    return option.replace("\\", "\\\\").replace('"', '\\"')


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
