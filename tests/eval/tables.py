"""What another version of a decision table decides otherwise: the real engine decides by both, about every ticket.

What a text does not tell, who wrote it and about which order, is made up: each ticket is decided in each of a few
situations. Questions that are alike for the table are asked once.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.eval.compare import SHOWN, Changed
from tests.eval.measure import Judged
from workers.runtime.engine import Engine
from workers.runtime.errors import EngineRefused, UserError
from workers.runtime.feel import names
from workers.runtime.model import read_decisions
from workers.runtime.native.config import StackConfig
from workers.runtime.native.ports import free_base_port
from workers.runtime.native.stack import running_stack
from workers.runtime.tables import Table

MODELS = Path(__file__).parents[2] / "bpmn"
GET_ONE = "An older version of a table: git show HEAD~1:bpmn/resolution_gate.dmn > build/before.dmn"
AT_ONCE = 16
"""Questions the engine is asked at the same time."""
Say = Callable[[str], None]
Output = Any
Question = bytes
"""Variables as JSON with sorted keys."""
Decide = Callable[[str, Path, Sequence[Question]], Awaitable[Mapping[Question, Output]]]
"""What the version of a decision in a file answers."""

SITUATIONS: Mapping[str, Mapping[str, Any]] = {
    "somebody unknown": {"order_known": False, "claim_amount": None, "vip": None, "first_time": None},
    "paid 9.90": {"claim_amount": 990},
    "paid 9.90, refunded before": {"claim_amount": 990, "refunded_before": True},
    "paid 35.00, first order, not sent": {"claim_amount": 3_500, "first_time": True, "open_orders": 1},
    "paid 80.00": {"claim_amount": 8_000},
    "paid 9.90, VIP": {"claim_amount": 990, "vip": True},
}
"""What is not in the text, in minor units of one currency."""
_USUAL = {"order_known": True, "vip": False, "first_time": False, "open_orders": 0, "refunded_before": False}


@dataclass(frozen=True, slots=True)
class Way:
    """Tickets that one version sends one way and the other version another way, in one situation."""

    mainly: bool
    """The first output is another; else only what is said of it."""
    what: str
    """In which situation."""
    before: str
    now: str
    tickets: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Two versions of a table, over so many decisions: each ticket in each situation."""

    decision: str
    decisions: int
    changes: Sequence[Changed]
    ways: Sequence[Way]
    """Where the first output is another first; then the most frequent."""


def other_version(path: Path) -> tuple[Table, Path]:
    """The table in the file, and where our version of it is; UserError when there is none."""
    if not path.is_file():
        raise UserError(f"There is no {path}.", hint=GET_ONE)
    for table in read_decisions(path).tables:
        ours = MODELS / f"{table.decision}.dmn"
        if ours.is_file():
            return table, ours
    raise UserError(f"{path} has no decision that bpmn/ has.", hint=GET_ONE)


async def compare(path: Path, judged: Sequence[Judged], decide: Decide) -> Compared:
    """What our version decides otherwise than the one in the file."""
    table, ours = other_version(path)
    read = frozenset().union(
        *(names(column.expression) for file in (path, ours) for each in read_decisions(file).tables
          for column in each.inputs)
    )  # fmt: skip
    asked = [
        (each, situation, _question(_variables(each, SITUATIONS[situation]), read, path))
        for each in judged
        for situation in SITUATIONS
    ]
    questions = list(dict.fromkeys(question for _, _, question in asked))
    before, now = [await decide(table.decision, file, questions) for file in (path, ours)]
    changes = [
        (
            _mainly(before[question], now[question]),
            _changed(each, situation, before[question], now[question]),
        )
        for each, situation, question in asked
        if before[question] != now[question]
    ]
    ways = Counter((mainly, change.what, change.before, change.now) for mainly, change in changes)
    ranked = sorted(ways.items(), key=lambda each: (not each[0][0], -each[1]))
    return Compared(
        table.decision,
        len(asked),
        _spread(changes),
        [Way(*way, tickets) for way, tickets in ranked],
    )


def _changed(judged: Judged, situation: str, before: Output, now: Output) -> Changed:
    text = " ".join(judged.case.text[:SHOWN].split())
    return Changed(judged.case.group, situation, *_difference(before, now), None, text)


def _mainly(before: Output, now: Output) -> bool:
    """Whether the first output is another, and not only what is said of it."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return True
    first = next(iter(now))
    return bool(before.get(first) != now[first])


def figures(compared: Compared) -> dict[str, Any]:
    """For the report."""
    ways = [asdict(way) for way in compared.ways]
    return {
        "decision": compared.decision,
        "decisions": compared.decisions,
        "changed": len(compared.changes),
        "changed_mainly": sum(way.tickets for way in compared.ways if way.mainly),
        "ways": ways,
    }


def _variables(judged: Judged, situation: Mapping[str, Any]) -> dict[str, Any]:
    """What triage and resolution know, by the names that the processes give it. Confidence in hundredths."""
    return {
        "safety": judged.safety,
        "anger": judged.anger,
        "intent": judged.intent,
        "intents": judged.intents,
        "damaged": judged.damaged,
        "confidence": int(judged.confidence * 100) / 100,
        **_USUAL,
        **situation,
    }


def _question(variables: Mapping[str, Any], read: frozenset[str], path: Path) -> Question:
    """Of the variables those that the table reads."""
    if missing := sorted(read - variables.keys()):
        raise UserError(
            f"{path} asks for {', '.join(missing)}, which tickets do not tell.",
            hint="Tables that decide by a ticket can be compared: triage_priority and resolution_gate.",
        )
    return orjson.dumps({name: variables[name] for name in read}, option=orjson.OPT_SORT_KEYS)


@asynccontextmanager
async def engine_of_its_own(say: Say) -> AsyncIterator[Engine]:
    """For as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="orderops-eval-", ignore_cleanup_errors=True) as folder:
        config = StackConfig(
            instance="eval", short_lived=True, home=Path(folder), base_port=free_base_port(), apps=False
        )
        with running_stack(config, say) as stack:
            async with Engine(stack.grpc_address, stack.rest_url) as engine:
                yield engine


async def decide(
    engine: Engine, say: Say, decision: str, file: Path, questions: Sequence[Question]
) -> Mapping[Question, Output]:
    """What the file's version answers."""
    try:
        await engine.deploy({file.name: await asyncio.to_thread(file.read_bytes)})
    except EngineRefused as error:
        raise UserError(f"The engine does not take {file}.", hint=str(error)) from None
    answers: dict[Question, Output] = {}
    waiting = iter(questions)

    async def ask() -> None:
        for question in waiting:
            answers[question] = (await engine.evaluate_decision(decision, orjson.loads(question))).output
            say(f"{file.name}: {len(answers):,} of {len(questions):,} questions")

    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return answers


def _difference(before: Output, now: Output) -> tuple[str, str]:
    """What of the outputs is another: of a table with several, only these."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return _words(before), _words(now)
    other = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return _listed(before, other), _listed(now, other)


def _listed(output: Mapping[str, Output], wanted: Sequence[str]) -> str:
    return ", ".join(_words(output.get(name)) for name in wanted)


def _words(output: Output) -> str:
    return output if isinstance(output, str) else orjson.dumps(output).decode()


def _spread(changes: Sequence[tuple[bool, Changed]]) -> list[Changed]:
    """Some of each way in turn, so that a short list shows all ways; what changed mainly comes first."""
    seen: Counter[tuple[str, str, str]] = Counter()
    numbered = []
    for mainly, change in changes:
        way = change.what, change.before, change.now
        numbered.append(((not mainly, seen[way]), change))
        seen[way] += 1
    return [change for _, change in sorted(numbered, key=lambda each: each[0])]
