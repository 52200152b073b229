"""A timeline as people read it: nothing is told twice."""

from collections.abc import Sequence

from workers.casefile.models import TimelineEntry

DONE = {"task_claim": "task_assigned", "task_completion": "task_completed"}
"""What somebody asked us for, and the engine's word that they did it. Who put a task back it does not tell."""


def story(timeline: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """Without what was asked for when the engine tells of it, too. Timeline, API and audit keep both."""
    told = {(entry.kind, entry.facts.get("task"), entry.actor) for entry in timeline}

    def happened(asked: TimelineEntry) -> bool:
        done, task = DONE.get(asked.kind), asked.facts.get("task")
        return (done, task, asked.actor) in told

    return [entry for entry in timeline if not happened(entry)]
