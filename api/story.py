"""A timeline as people read it: nothing is told twice, and people have the names that others call them by."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.casefile.models import TimelineEntry
from workers.casefile.people import Names

DONE = {"task_claim": "task_assigned", "task_completion": "task_completed"}
"""What somebody asked us for, and the engine's word that they did it. Who put a task back it does not tell."""

_BEFORE = {
    "task_assigned": "” was taken by ",
    "task_completed": "” was completed by ",
    "approval_void": "The approval by ",
    "approval_given": "",
    "refund_rejected": "",
}
"""What stands before the log-in name of who did it, in sentences that have it; by kind."""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry, with its sentence and actor as a page shows them."""

    entry: TimelineEntry
    sentence: str
    actor: str | None


def story(timeline: Sequence[TimelineEntry], names: Names) -> list[Line]:
    """Without what was asked for when the engine tells of it, too. Timeline, API and audit keep both, and log-in
    names: what somebody is called may change."""
    told = {(entry.kind, entry.facts.get("task"), entry.actor) for entry in timeline}

    def happened(asked: TimelineEntry) -> bool:
        done, task = DONE.get(asked.kind), asked.facts.get("task")
        return (done, task, asked.actor) in told

    return [
        Line(entry, _sentence(entry, names), names[entry.actor] if entry.actor else None)
        for entry in timeline
        if not happened(entry)
    ]


def people_in(timeline: Sequence[TimelineEntry]) -> set[str]:
    """The log-in names in it."""
    return {person for entry in timeline if (person := _person(entry))}


def _sentence(entry: TimelineEntry, names: Names) -> str:
    person, before = _person(entry), _BEFORE.get(entry.kind)
    if person is None or before is None:
        return entry.sentence
    begun = entry.sentence.find(before) + len(before)
    if before not in entry.sentence or not entry.sentence.startswith(person, begun):
        return entry.sentence
    return f"{entry.sentence[:begun]}{names[person]}{entry.sentence[begun + len(person) :]}"


def _person(entry: TimelineEntry) -> str | None:
    return entry.actor or entry.facts.get("person")
