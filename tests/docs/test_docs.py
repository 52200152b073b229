"""The documentation is complete and says nothing that is not there: held against the code by looking into it."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import typer
from lxml import etree
from pydantic import PostgresDsn, SecretStr
from starlette.routing import Mount, Route

from api.errors import PROBLEMS
from api.main import create_app, create_bridge
from workers.adapters.mock_behaviour import OPERATIONS, Kind
from workers.runtime import commands, errors, links, metrics
from workers.runtime.arguments import ORDER
from workers.runtime.bootstrap import Assembled, assemble
from workers.runtime.collectors import GAUGES
from workers.runtime.jobs import Process
from workers.runtime.model import read_decisions, read_diagram
from workers.runtime.native.camunda import WANTED_RECORDS
from workers.runtime.resources import forms_dir, models_dir
from workers.runtime.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
STEMS = sorted(path.stem for path in models_dir().glob("*.bpmn"))
SOURCES = ("workers", "api", "tests")
NOT_IN_FOLDERS = ("Makefile", "docker-compose.yml", "docker-camunda.yaml", "Dockerfile", ".env.example")

HEADINGS = [
    "Purpose",
    "Who takes part",
    "Happy path",
    "Exceptions",
    "Jobs",
    "Decisions",
    "Forms",
    "Messages",
    "Timers and SLAs",
    "What operators do",
    "What is simulated",
    "What is not a goal",
]
ADR_HEADINGS = ["Context", "Decision", "Consequences", "Alternatives", "What enforces it"]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def process_page(stem: str) -> str:
    return page(f"processes/{stem}.md")


def missing(names: Iterator[str] | list[str], text: str) -> list[str]:
    """Names that do not stand in code style in the text; something may follow, as options do."""
    return [name for name in sorted(set(names)) if not re.search(rf"`[^`\n]*(?<![\w.-]){re.escape(name)}\b", text)]


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


@pytest.fixture(scope="module")
async def assembled() -> AsyncIterator[Assembled]:
    """Everything wired; nothing connects before it is used."""
    settings = Settings(
        database_url=PostgresDsn("postgresql+psycopg://nobody@127.0.0.1:9/nothing"),
        link_secret=SecretStr("links"),
        records_password=SecretStr("records"),
    )
    async with assemble(settings) as assembled:
        yield assembled


@pytest.fixture(scope="module")
def processes(assembled: Assembled) -> dict[str, Process]:
    return {process.id: process for process in assembled.processes}


class TestProcesses:
    """Every process has its page, and the page names all that the process is made of."""

    def test_every_diagram_has_its_page_and_every_page_its_diagram(self) -> None:
        assert sorted(path.stem for path in (DOCS / "processes").glob("*.md")) == STEMS

    @pytest.mark.parametrize("stem", STEMS)
    def test_the_headings_are_the_same_everywhere(self, stem: str) -> None:
        assert headings(process_page(stem)) == HEADINGS

    @pytest.mark.parametrize("stem", STEMS)
    def test_jobs_are_named(self, stem: str, processes: dict[str, Process]) -> None:
        types = [job.type for job in processes[stem].jobs]
        assert missing(types, process_page(stem)) == []
        assert missing(types, page("reference/jobs.md")) == []

    @pytest.mark.parametrize("stem", STEMS)
    def test_what_a_job_takes_and_returns_is_in_its_row(self, stem: str, processes: dict[str, Process]) -> None:
        rows = page("reference/jobs.md").splitlines()
        for job in processes[stem].jobs:
            signature = inspect.signature(job.handler, eval_str=True)
            result = signature.return_annotation
            returned = [field.name for field in fields(result)] if is_dataclass(result) else []
            [row] = [row for row in rows if row.startswith(f"| `{job.type}` |")]
            assert missing([*(set(signature.parameters) - {ORDER}), *returned], row) == [], job.type

    @pytest.mark.parametrize("stem", STEMS)
    def test_messages_errors_and_outcomes_are_named(self, stem: str, processes: dict[str, Process]) -> None:
        process = processes[stem]
        keys = [name for message in process.messages for name in (message.name.value, message.correlation_key)]
        codes = [code.value for code in process.errors]
        assert missing([*keys, *codes, *process.outcomes, *process.outcomes.values()], process_page(stem)) == []
        assert missing(codes, page("reference/errors.md")) == []

    @pytest.mark.parametrize("stem", STEMS)
    def test_decisions_and_forms_are_named(self, stem: str) -> None:
        tables = [read_decisions(path) for path in models_dir().glob(f"{stem}_*.dmn")]
        decisions = [decision for table in tables for decision in table.decisions]
        forms = [path.stem for path in forms_dir().glob(f"{stem}_*.form")]
        assert missing([*decisions, *forms], process_page(stem)) == []

    @pytest.mark.parametrize("stem", STEMS)
    def test_every_picture_is_shown(self, stem: str) -> None:
        """tests/wiring/test_diagrams.py tells which are stale."""
        pictures = [path.name for path in (DOCS / "processes").glob(f"{stem}*.svg")]
        assert [name for name in pictures if f"]({name})" not in process_page(stem)] == []

    @pytest.mark.parametrize("stem", STEMS)
    def test_user_tasks_and_timers_are_named_with_their_lengths(self, stem: str) -> None:
        model = models_dir() / f"{stem}.bpmn"
        timers = etree.parse(model).findall(".//{*}timerEventDefinition")
        waits = [str(timer.getparent().get("id")) for timer in timers]  # type: ignore[union-attr]  # in an event
        lengths = [text for timer in timers for text in re.findall(r"P[T0-9DHMSW]+", str(timer.xpath("string()")))]
        assert missing([*waits, *lengths, *read_diagram(model).user_tasks], process_page(stem)) == []

    def test_no_page_names_a_job_type_that_does_not_exist(self, processes: dict[str, Process]) -> None:
        known = {job.type for process in processes.values() for job in process.jobs}
        named = re.compile(rf"`((?:{'|'.join(STEMS)})\.[a-z_]+)`")
        files = {f"{stem}.{ending}" for stem in STEMS for ending in ("bpmn", "py", "md", "svg")}
        for path in PAGES:
            found = set(named.findall(path.read_text(encoding="utf-8")))
            assert found - known - files == set(), f"{path.name} names job types that nobody does"


class TestReference:
    """The reference is complete."""

    def test_every_setting_and_other_variable_is_explained(self) -> None:
        variables = {f"ORDEROPS_{name.upper()}" for name in Settings.model_fields} | variables_in("workers", "api")
        assert missing(sorted(variables), page("reference/settings.md")) == []

    def test_no_page_names_a_variable_that_does_not_exist(self) -> None:
        known = {f"ORDEROPS_{name.upper()}" for name in Settings.model_fields} | variables_in(*SOURCES)
        for path in PAGES:
            found = set(re.findall(r"ORDEROPS_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8")))
            assert found - known == set(), f"{path.name} names variables that nothing reads"

    def test_every_command_with_its_options_is_explained(self) -> None:
        text = page("reference/commands.md")
        for name, options in every_command():
            explained = explanation(name, text)
            assert explained, f"{name} is not explained"
            assert [option for option in options if option not in explained] == [], f"options of {name}"

    def test_no_page_names_a_command_or_make_target_that_does_not_exist(self) -> None:
        names = [name.split() for name, _ in every_command()]
        known = {" ".join(name[:count]) for name in names for count in range(1, len(name) + 1)}
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        for path in PAGES:
            code = "\n".join(code_in(path.read_text(encoding="utf-8")))
            called = {longest(words, known) for words in re.findall(r"(?<![/\w-])orderops ((?:[a-z]+ ?)+)", code)}
            assert None not in called, f"{path.name} names a command that does not exist"
            made = set(re.findall(r"(?:^|`)make ([a-z-]+)", code, re.MULTILINE))
            assert made - targets == set(), f"{path.name} names make targets that do not exist"

    def test_every_route_is_explained_and_no_other(self, assembled: Assembled) -> None:
        apps = create_app(assembled), create_bridge(assembled)
        routers = [router for app in apps for router in (app.router, *app.state.routers)]
        routes = [route for router in routers for route in router.routes]
        calls = {
            f"{method} {route.path}"
            for route in routes
            if isinstance(route, Route)
            for method in route.methods or ()
        }
        assert "POST /webhooks/shopify/{topic}" in calls, "this test does not see the routes"
        text = page("reference/api.md")
        mounts = {route.path for route in routes if isinstance(route, Mount)}
        assert {call for call in calls if not call.startswith("HEAD") and f"`{call}`" not in text} == set()
        assert {mount for mount in mounts if f"`{mount}`" not in text} == set()
        for path in PAGES:
            named = re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`?]*)", path.read_text(encoding="utf-8"))
            assert set(named) - calls == set(), f"{path.name} names routes that do not exist"

    def test_every_error_and_problem_is_explained(self) -> None:
        root = errors.OrderopsError
        classes = [
            kind.__name__
            for module in (errors, links)
            for kind in vars(module).values()
            if isinstance(kind, type) and issubclass(kind, root)
        ]
        text = page("reference/errors.md")
        assert missing([*classes, *PROBLEMS], text) == []
        for name, problem in PROBLEMS.items():
            assert f"| `{name}` | {problem.status} |" in text

    def test_every_kind_of_record_is_explained(self) -> None:
        assert missing(list(WANTED_RECORDS), page("reference/records.md")) == []

    def test_every_metric_is_explained_and_no_other(self) -> None:
        measured = {metric.name: metric for metric in metrics.REGISTRY.collect()}
        ours = {name + ("_total" if measured[name].type == "counter" else "") for name in measured} | set(GAUGES)
        ours = {name for name in ours if name.startswith("orderops_")}
        assert {"orderops_jobs_total", "orderops_relay_lag_seconds"} < ours, "this test does not see the metrics"
        text = page("reference/metrics.md")
        assert missing([*ours, *metrics.Outcome], text) == []
        for path in PAGES:
            named = set(re.findall(r"(?<![\w-])orderops_[a-z_]+(?=[`{\[ )>])", path.read_text(encoding="utf-8")))
            assert named - ours - {f"{name}_bucket" for name in ours} == set(), path.name

    def test_every_trap_is_explained_with_the_test_that_shows_it(self) -> None:
        named = set(re.findall(r"`(test_\w+)`", page("reference/faults.md")))
        traps, host = ROOT / "tests" / "faults" / "traps", ROOT / "tests" / "engine" / "test_host.py"
        there = {
            path: set(re.findall(r"def (test_\w+)", path.read_text())) for path in (host, *traps.glob("*.py"))
        }
        assert named <= set().union(*there.values())
        assert set().union(*there.values()) - there[host] <= named

    def test_every_misbehaviour_is_explained(self) -> None:
        assert missing([*OPERATIONS, *Kind], page("howto/try-a-failure.md")) == []


class TestPages:
    """What holds for every page."""

    @pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_every_link_leads_somewhere(self, path: Path) -> None:
        broken = []
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            if not file.exists() or (anchor and anchor not in anchors(file)):
                broken.append(target)
        assert broken == []

    def test_decisions_are_numbered_and_have_the_same_headings(self) -> None:
        files = sorted((DOCS / "decisions").glob("*.md"))
        assert [file.name[:4] for file in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
        for file in files:
            assert headings(file.read_text(encoding="utf-8")) == ADR_HEADINGS, file.name

    def test_files_named_in_code_style_exist(self) -> None:
        named = re.compile(r"`((?:workers|api|tests|bpmn|forms|docs)/[\w./-]+)`")
        for path in PAGES:
            if path.name == "add-a-process.md":
                continue  # names files that the reader is to make
            found = named.findall(path.read_text(encoding="utf-8"))
            assert [name for name in found if not (ROOT / name).exists()] == [], path.name


def variables_in(*folders: str) -> set[str]:
    """Every ORDEROPS_ variable that our files mention."""
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py") if file != Path(__file__)]
    files += [ROOT / name for name in NOT_IN_FOLDERS if (ROOT / name).is_file() and "tests" in folders]
    return {
        name for file in files for name in re.findall(r"ORDEROPS_[A-Z_]*[A-Z]", file.read_text(encoding="utf-8"))
    }


def every_command() -> Iterator[tuple[str, list[str]]]:
    """Each command by its full name, with the long names of its options."""
    app = typer.Typer()
    app.callback()(lambda: None)
    for module in pkgutil.iter_modules(commands.__path__):
        importlib.import_module(f"{commands.__name__}.{module.name}").register(app)
    yield from _below("orderops", typer.main.get_command(app))


def _below(name: str, command: object) -> Iterator[tuple[str, list[str]]]:
    if children := getattr(command, "commands", None):
        for child_name, child in children.items():
            yield from _below(f"{name} {child_name}", child)
        return
    options = [option for parameter in getattr(command, "params", ()) for option in parameter.opts]
    yield name, [option for option in options if option.startswith("--") and option != "--help"]


def explanation(name: str, text: str) -> str:
    """What the page says of a command: the section of its heading, or its row in a table."""
    for section in re.split(r"\n(?=#)", text):
        if re.match(rf"#+ `{name}`", section):
            return section
    return next((row for row in text.splitlines() if row.startswith((f"| `{name}`", f"| `{name} "))), "")


def longest(words: str, known: set[str]) -> str | None:
    """The command that these words after `orderops` begin with."""
    parts = words.split()
    names = (" ".join(["orderops", *parts[:count]]) for count in range(len(parts), 0, -1))
    return next((name for name in names if name in known), None)


def code_in(text: str) -> list[str]:
    """Everything in code style: blocks and words."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^ *```\w*\n.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    without_comments = [re.sub(r"(^|\s)#.*", "", block, flags=re.MULTILINE) for block in blocks]
    return without_comments + re.findall(r"`([^`\n]+)`", rest)


def anchors(file: Path) -> set[str]:
    """The anchors a git host makes of a page's headings."""
    if file.suffix != ".md":
        return set()
    titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}
