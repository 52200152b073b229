"""What a local stack is made of and where it lives: plain values that the caller chooses."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import platformdirs

from workers.runtime.errors import UserError

DEFAULT_INSTANCE = "default"
DEFAULT_BASE_PORT = 26500


def default_home() -> Path:
    """Where instances keep data, logs and configuration (ORDEROPS_HOME).

    PostgreSQL will not run as root; started by root it runs as a user of its own, who must be able to reach its
    folder, and root's home is closed to others.
    """
    if chosen := os.environ.get("ORDEROPS_HOME"):
        return Path(chosen).expanduser().resolve()
    if os.geteuid() == 0:
        return Path("/var/lib/orderops")
    return platformdirs.user_state_path("orderops")


def default_cache() -> Path:
    """Where downloads and what is unpacked from them are kept, shared by all instances (ORDEROPS_CACHE).

    The same place as in the Makefile on every system, so that both share one.
    """
    if chosen := os.environ.get("ORDEROPS_CACHE"):
        return Path(chosen).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "orderops"


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """One instance: engine and PostgreSQL, and with `apps` also our own api, bridge and workers."""

    instance: str = DEFAULT_INSTANCE
    home: Path = field(default_factory=default_home)
    cache: Path = field(default_factory=default_cache)
    base_port: int | None = None
    """First of the instance's ports; None takes the one it had before, else a free one (26500 for `default`)."""
    brokers: int = 1
    """Brokers = replication factor."""
    partitions: int | None = None
    """Partitions of each broker's data; None is as many as brokers. Fixed for the life of an instance."""
    heap: str | None = None
    """-Xmx of each broker; None is 1g, and 512m in a cluster."""
    short_lived: bool = False
    """Java compiles the engine quickly rather than well: for demos, tests, and whatever ends within minutes."""
    apps: bool = True
    """Migrate, deploy and start api, bridge and worker too."""
    full: bool | None = None
    """Run OpenSearch, Operate and Tasklist too; None is as it was before, without them for a new instance."""
    controlled_clock: bool = False
    """Lets POST /actuator/clock/add on the management port move the engine's time."""
    records_url: str | None = None
    """Where the engine sends its records (POST /_bulk); the exporter uses no more of it than host and port.

    None is our bridge when there are apps, otherwise nowhere.
    """
    records_bulk: int = 200
    """Most records in one delivery."""
    java: str | None = field(default_factory=lambda: os.environ.get("ORDEROPS_JAVA"))
    """A Java to use instead of the one that came with us."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further variables for api, bridge, worker, migrate and deploy."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,29}", self.instance):
            raise UserError(
                f"“{self.instance}” is not a possible instance name.",
                hint="Use up to 30 small letters, digits and hyphens.",
            )
        if self.brokers not in (1, 3, 5):
            raise UserError(f"{self.brokers} brokers are not possible.", hint="Use 1, 3 or 5.")
        if self.heap and not re.fullmatch(r"\d+[mMgG]", self.heap):
            raise UserError(f"“{self.heap}” is not an amount of memory.", hint="Write for example 512m or 2g.")

    @property
    def state_dir(self) -> Path:
        """The instance's own folder."""
        return self.home / "instances" / self.instance

    @property
    def logs_dir(self) -> Path:
        """One log file per component."""
        return self.state_dir / "logs"

    @property
    def broker_heap(self) -> str:
        """The -Xmx each broker gets."""
        return self.heap or ("1g" if self.brokers == 1 else "512m")

    def to_json(self) -> str:
        """For the keeper process; read back by `from_json`."""
        values = asdict(self) | {"home": str(self.home), "cache": str(self.cache)}
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> "StackConfig":
        """The configuration that `to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {"home": Path(values["home"]), "cache": Path(values["cache"])})
