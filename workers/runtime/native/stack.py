"""A running stack: which programs it has, in which order they start, and where they are reached.

PostgreSQL and the brokers start together, since the brokers need nothing; while they come up, the database is
migrated, and api and bridge are started (the engine sends the bridge its records). With the brokers ready the
workers start, and while they do, the models are deployed. In a full stack OpenSearch starts with the brokers,
Operate and Tasklist when it is ready, and the deployment ends when Tasklist has the forms.
"""

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from workers.runtime.errors import UserError
from workers.runtime.native import state as states
from workers.runtime.native.camunda import Broker, Records
from workers.runtime.native.children import Program
from workers.runtime.native.config import StackConfig
from workers.runtime.native.credentials import load_credentials
from workers.runtime.native.downloads import Progress, require_space
from workers.runtime.native.engine import prepare_engine
from workers.runtime.native.fast_start import fast_start
from workers.runtime.native.health import answers
from workers.runtime.native.java import find_java
from workers.runtime.native.jvm import COMPILE_QUICKLY
from workers.runtime.native.locks import exclusive_or
from workers.runtime.native.ports import HOST, StackPorts, require_free
from workers.runtime.native.postgres import Postgres, prepare_postgres
from workers.runtime.native.search import Search, prepare_search
from workers.runtime.native.supervisor import Supervisor
from workers.runtime.native.webapps import Webapps

Report = Callable[[str], None]
"""Called with what happens now, in words for people."""

YIELDING = 15
"""Engine, workers and bridge let api and PostgreSQL go first: on a full machine, what arrives is taken at once."""

DATA_BYTES = 1_000_000_000
"""What must be free for an instance's data: below this the broker pauses by itself."""


def prepare(config: StackConfig, report: Report, progress: Progress) -> None:
    """Everything that may need the network or much time: once per machine, not once per start."""
    java = find_java(config.java)
    engine = prepare_engine(config.cache, progress, lambda: report("Waiting for another download of Camunda"))
    if states.is_full(config):
        prepare_search(config.cache, progress, lambda: report("Waiting for another download of OpenSearch"))
    fast_start(java, engine, report)


class Stack:
    """One instance in this process's care. `start` and `stop` it, or use `running_stack`."""

    def __init__(self, config: StackConfig, owner_kind: str = "foreground") -> None:
        self.config = config
        self.state_dir = config.state_dir
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.ports: StackPorts = states.choose_ports(config)
        self.full = states.is_full(config)
        self.search = Search(self.state_dir / "search", self.ports)
        self.secrets: dict[str, str] = {}
        first = self.ports.broker(0)
        self.grpc_address = f"{HOST}:{first.grpc}"
        self.rest_url = f"http://{HOST}:{first.rest}"
        self.management_url = f"http://{HOST}:{first.management}"
        self.api_url = f"http://{HOST}:{self.ports.api}"
        self.bridge_url = f"http://{HOST}:{self.ports.bridge}"
        self.worker_url = f"http://{HOST}:{self.ports.worker}"
        self.database_url = ""
        self._held = ExitStack()
        self.supervisor = Supervisor(states.State(states.own_identity(), owner_kind), config.state_dir)

    def start(self, report: Report = lambda _: None) -> None:
        """Starts everything and returns when it is ready; raises UserError, and then leaves nothing running."""
        try:
            self._claim()
            self._start(report)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops what runs, in reverse order. Harmless to repeat."""
        self.supervisor.stop()
        self._held.close()

    def pid(self, component: str) -> int:
        """The process of “postgres”, “broker-1”, “api”, “bridge”, “worker”, for instance to kill it in a test."""
        return self.supervisor.pid(component)

    def environment(self) -> dict[str, str]:
        """The settings by which our programs find this stack."""
        urls = self.supervisor.state.urls
        return {**states.environment(urls), **self.secrets, **self.config.environment}

    def _claim(self) -> None:
        """Makes sure that nobody else runs this instance and that nothing of an earlier run is left."""
        name = self.config.instance
        taken = UserError(
            f"Instance {name} is already running.",
            hint=f"See `orderops status --instance {name}`, stop it with `orderops down --instance {name}`, "
            "or start another with --instance.",
        )
        self._held.enter_context(exclusive_or(self.state_dir / "instance.lock", lambda: taken))
        states.stop_instance(self.config)
        self._held.callback((self.state_dir / "state.json").unlink, missing_ok=True)
        states.remember(self.config, self.ports, full=self.full)
        if not self.full:  # what Operate and Tasklist knew would have a gap when they come back
            shutil.rmtree(self.search.folder, ignore_errors=True)
        self.secrets = load_credentials(self.state_dir)
        require_space(self.state_dir, DATA_BYTES, f"Instance {name}")
        require_free(self.ports.named(apps=self.config.apps, full=self.full))

    def _start(self, report: Report) -> None:
        supervisor = self.supervisor
        brokers = self._brokers(report)
        report("Starting PostgreSQL and the engine")
        for broker in brokers:
            supervisor.start(broker)
        if self.full:
            supervisor.start(self._search())
        postgres = prepare_postgres(self.state_dir / "postgres")
        self.database_url = postgres.url
        supervisor.start(self._postgres(postgres))
        supervisor.wait_ready("postgres")
        self._save_urls()
        if self.config.apps:
            report("Migrating the database")
            supervisor.run(self._app("migrate"))
            supervisor.start(self._api())
            supervisor.start(self._bridge())
        if self.full:
            report("Waiting for OpenSearch")
            supervisor.wait_ready("search")
            supervisor.start(self._webapps())
        report("Waiting for the engine")
        for broker in brokers:
            supervisor.wait_ready(broker.name)
        if self.config.apps:
            supervisor.start(self._worker())
        if self.full:
            report("Waiting for Operate and Tasklist")
            supervisor.wait_ready("webapps")
        if self.config.apps:
            report("Deploying processes, decisions and forms; starting the workers")
            supervisor.run(replace(self._app("deploy"), ready_seconds=240))
            supervisor.wait_ready("api")
            supervisor.wait_ready("bridge")
            supervisor.wait_ready("worker")

    def _brokers(self, report: Report) -> list[Program]:
        java = find_java(self.config.java)
        engine = prepare_engine(self.config.cache, lambda _done, _total: None)
        options = [*fast_start(java, engine, report), *self._compiling()]
        programs = []
        for number in range(self.config.brokers):
            broker = Broker(
                number=number,
                folder=self.state_dir / f"broker-{number + 1}",
                ports=self.ports,
                heap=self.config.broker_heap,
                controlled_clock=self.config.controlled_clock,
                records=self._records(),
                search_url=self.search.url if self.full else None,
                partitions=self.config.partitions,
            )
            broker.write_configuration()
            command = broker.command(java, engine, options)
            programs.append(self._broker(broker, command))
        return programs

    def _broker(self, broker: Broker, command: list[str]) -> Program:
        name = f"broker-{broker.number + 1}"
        return Program(
            name=name,
            command=command,
            niceness=YIELDING if self.config.apps else 0,  # to whom it yields runs here, or elsewhere
            log=self._log(name),
            folder=broker.folder,
            ready=lambda: answers(broker.health_url()),
            ready_seconds=180,
            address=f"{HOST}:{self.ports.broker(broker.number).grpc}",
        )

    def _compiling(self) -> list[str]:
        return [COMPILE_QUICKLY] if self.config.short_lived else []

    def _search(self) -> Program:
        class_path = prepare_search(self.config.cache, lambda _done, _total: None)
        program = self.search.program(find_java(self.config.java), class_path, self._log("search"))
        return replace(program, niceness=YIELDING)

    def _webapps(self) -> Program:
        engine = prepare_engine(self.config.cache, lambda _done, _total: None)
        java = find_java(self.config.java)
        recorded = fast_start(java, engine, lambda _: None)  # of the broker, which shares half of the classes
        options = [*recorded, *self._compiling()]
        program = self.webapps.program(java, engine, options, self._log("webapps"))
        return replace(program, niceness=YIELDING)

    @property
    def webapps(self) -> Webapps:
        """Operate and Tasklist, once the instance has its secrets."""
        password = self.secrets["ORDEROPS_WEBAPPS_PASSWORD"]
        folder, url = self.state_dir / "webapps", self.search.url
        return Webapps(folder=folder, ports=self.ports, search_url=url, password=password)

    def _records(self) -> Records | None:
        url = self.config.records_url or (self.bridge_url if self.config.apps else None)
        if url is None:
            return None
        return Records(
            url="{0.scheme}://{0.netloc}".format(urlsplit(url)),
            password=self.secrets["ORDEROPS_RECORDS_PASSWORD"],
            bulk=self.config.records_bulk,
        )

    def _postgres(self, postgres: Postgres) -> Program:
        return Program(
            name="postgres",
            command=postgres.command,
            log=self._log("postgres"),
            user=postgres.user,
            stop_signal=signal.SIGINT,  # fast shutdown: does not wait for clients to leave
            ready=postgres.answers,
            address=str(postgres.socket_folder),
        )

    def _app(self, command: str) -> Program:
        return Program(
            name=command,
            command=[sys.executable, "-m", "workers.runtime.cli", command],
            log=self._log(command),
            environment=self.environment(),
        )

    def _worker(self) -> Program:
        program = self._app("worker")
        environment = {**program.environment, "ORDEROPS_WORKER_PORT": str(self.ports.worker)}
        return replace(
            program,
            niceness=YIELDING,
            environment=environment,
            ready=lambda: answers(f"{self.worker_url}/readyz"),
            address=self.worker_url,
        )

    def _api(self) -> Program:
        alive = f"{self.api_url}/livez"  # not /readyz, which also asks the engine
        return replace(self._app("api"), ready=lambda: answers(alive), address=self.api_url)

    def _bridge(self) -> Program:
        program, alive = self._app("bridge"), f"{self.bridge_url}/livez"
        return replace(program, niceness=YIELDING, ready=lambda: answers(alive), address=self.bridge_url)

    def _log(self, component: str) -> Path:
        return self.config.logs_dir / f"{component}.log"

    def _save_urls(self) -> None:
        self.supervisor.state.urls = {
            "database": self.database_url,
            "grpc": self.grpc_address,
            "rest": self.rest_url,
            "management": self.management_url,
            "api": self.api_url,
            "bridge": self.bridge_url,
        }
        if self.full:
            webapps = {"operate": self.webapps.operate_url, "tasklist": self.webapps.tasklist_url}
            self.supervisor.state.urls |= {**webapps, "search": self.search.url}
        self.supervisor.state.save(self.state_dir)


@contextmanager
def running_stack(
    config: StackConfig,
    report: Report = lambda _: None,
    progress: Progress = lambda _done, _total: None,
    *,
    delete: bool = False,
) -> Iterator[Stack]:
    """A stack for as long as the block lasts, and never longer than this process, however that ends.

    `delete` removes its data afterwards.
    """
    prepare(config, report, progress)
    stack = Stack(config)
    stack.start(report)
    try:
        yield stack
    finally:
        stack.stop()
        if delete:
            shutil.rmtree(stack.state_dir, ignore_errors=True)
