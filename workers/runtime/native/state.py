"""What is known about an instance: `instance.json` for ever, `state.json` while it runs."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workers.runtime.errors import UserError
from workers.runtime.native.config import DEFAULT_BASE_PORT, DEFAULT_INSTANCE, StackConfig
from workers.runtime.native.credentials import load_credentials
from workers.runtime.native.ports import HOST, StackPorts, free_base_port
from workers.runtime.native.processes import Identity, end, wait_gone


@dataclass
class Component:
    """One part of a running instance."""

    name: str
    state: str = "starting"
    """starting, ready, restarting, failed, stopped or (for migrate and deploy) done."""
    address: str = ""
    log: str = ""
    restarts: int = 0
    program: Identity | None = None
    leash: Identity | None = None

    def identities(self) -> list[Identity]:
        """Its processes."""
        return [one for one in (self.leash, self.program) if one]


@dataclass
class State:
    """A running instance, or what is left of one."""

    owner: Identity
    """The keeper, or whoever runs the stack in its own process."""
    owner_kind: str
    """keeper or foreground."""
    urls: dict[str, str] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)

    def leftovers(self) -> list[Identity]:
        """Processes of components that still live, last started first."""
        parts = reversed(self.components.values())
        return [one for part in parts for one in part.identities() if one.alive()]

    def save(self, state_dir: Path) -> None:
        """Replaces state.json in one step, so that no reader ever sees half of it."""
        fresh = state_dir / "state.new"
        fresh.write_text(json.dumps(asdict(self), indent=2))
        fresh.replace(state_dir / "state.json")

    @classmethod
    def load(cls, state_dir: Path) -> "State | None":
        """The saved state; None when there is none (or no readable one)."""
        try:
            values = json.loads((state_dir / "state.json").read_text())
            return cls._from(values)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    @classmethod
    def _from(cls, values: dict[str, Any]) -> "State":
        components = {
            name: Component(
                **part | {"program": Identity.load(part["program"]), "leash": Identity.load(part["leash"])}
            )
            for name, part in values["components"].items()
        }
        owner = Identity.load(values["owner"])
        if owner is None:
            raise ValueError("no owner")
        return cls(owner, values["owner_kind"], values["urls"], components)


def instances(home: Path) -> Iterator[Path]:
    """The folders of all instances."""
    yield from sorted(path.parent for path in (home / "instances").glob("*/instance.json"))


def environment(urls: Mapping[str, str]) -> dict[str, str]:
    """The settings by which our programs find an instance, without its secrets."""
    api, bridge = urlsplit(urls["api"]), urlsplit(urls["bridge"])
    webapps = {
        f"ORDEROPS_{name.upper()}_URL": urls[name] for name in ("operate", "tasklist", "search") if name in urls
    }
    return {
        "ORDEROPS_DATABASE_URL": urls["database"],
        "ORDEROPS_ZEEBE_GRPC": urls["grpc"],
        "ORDEROPS_ZEEBE_REST": urls["rest"],
        "ORDEROPS_ZEEBE_MANAGEMENT": urls["management"],
        "ORDEROPS_API_HOST": api.hostname or HOST,
        "ORDEROPS_API_PORT": str(api.port),
        "ORDEROPS_BRIDGE_HOST": bridge.hostname or HOST,
        "ORDEROPS_BRIDGE_PORT": str(bridge.port),
        "ORDEROPS_PUBLIC_URL": urls["api"],
        **webapps,
    }


def environment_of(config: StackConfig) -> dict[str, str]:
    """The settings of a running instance, with its secrets; empty when it does not run."""
    state = State.load(config.state_dir)
    if state is None or not state.owner.alive() or "database" not in state.urls:
        return {}
    return {**environment(state.urls), **load_credentials(config.state_dir)}


def choose_ports(config: StackConfig) -> StackPorts:
    """The given base port, else the one the instance had before, else 26500 (`default`) or a free one (others).

    Raises UserError when the instance's data are from another number of brokers.
    """
    known = _known(config)
    if known.get("brokers", config.brokers) != config.brokers:
        raise UserError(
            f"Instance {config.instance} was made with {known['brokers']} broker(s); its data do not fit "
            f"{config.brokers}.",
            hint=f"Use another --instance, or `orderops down --delete --instance {config.instance}` first.",
        )
    return StackPorts(config.base_port or known.get("base_port") or _new_base(config), config.brokers)


def is_full(config: StackConfig) -> bool:
    """Whether Operate and Tasklist belong to it: as chosen, else as it was before."""
    return bool(_known(config).get("full", False)) if config.full is None else config.full


def remember(config: StackConfig, ports: StackPorts, *, full: bool) -> None:
    """Keeps what an instance is for the next start."""
    known = {"base_port": ports.base, "brokers": ports.brokers, "full": full}
    (config.state_dir / "instance.json").write_text(json.dumps(known))


def _known(config: StackConfig) -> dict[str, Any]:
    path = config.state_dir / "instance.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _new_base(config: StackConfig) -> int:
    if config.instance == DEFAULT_INSTANCE:
        return DEFAULT_BASE_PORT
    others = [json.loads((folder / "instance.json").read_text())["base_port"] for folder in instances(config.home)]
    return free_base_port(config.brokers, avoid=others)


def stop_instance(config: StackConfig, seconds: float = 90) -> bool:
    """Stops a running instance, or what a dead one left; returns whether there was anything to stop.

    Its owner is asked to stop it and does so in order. Only processes recorded with number and time of creation
    are ever touched. Raises UserError when something could not be stopped.
    """
    state = State.load(config.state_dir)
    if state is None:
        return False
    was_running = state.owner.alive() or bool(state.leftovers())
    if process := state.owner.process():
        process.terminate()
        wait_gone([state.owner], seconds)
    leashes = [part.leash for part in state.components.values() if part.leash]
    wait_gone(leashes, 40)  # those of a dead owner are at work already
    left = (State.load(config.state_dir) or state).leftovers()
    end(left, 10)
    if still := [one for one in (state.owner, *left) if one.alive()]:
        raise UserError(
            f"These processes of instance {config.instance} could not be stopped: "
            f"{', '.join(str(one.pid) for one in still)}.",
            hint="Look at them with ps; end them by hand.",
        )
    (config.state_dir / "state.json").unlink(missing_ok=True)
    return was_running


def delete_instance(config: StackConfig) -> None:
    """Removes the data, logs and secrets of a stopped instance."""
    if config.state_dir.exists():
        shutil.rmtree(config.state_dir)


def own_identity() -> Identity:
    """The present process."""
    return Identity.of(os.getpid())
