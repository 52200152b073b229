"""Everything that is deployed, read from its folders."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from workers.runtime.model import DecisionFile, Diagram, FormFile, read_decisions, read_diagram, read_form
from workers.runtime.steps import Steps, read_steps


@dataclass(frozen=True)
class Files:
    """Everything that is deployed, as read."""

    diagrams: tuple[Diagram, ...]
    decisions: tuple[DecisionFile, ...]
    forms: tuple[FormFile, ...]
    steps: Mapping[str, Steps]
    """By process id."""

    @property
    def decision_ids(self) -> frozenset[str]:
        """Every decision in any file."""
        return frozenset(decision for file in self.decisions for decision in file.decisions)

    @cached_property
    def forms_by_id(self) -> Mapping[str, FormFile]:
        """Every form."""
        return {form.id: form for form in self.forms}

    @cached_property
    def file_of_decision(self) -> Mapping[str, DecisionFile]:
        """The file that holds a decision."""
        return {decision: file for file in self.decisions for decision in file.decisions}


def read(bpmn_dir: Path, forms_dir: Path) -> Files:
    """Every file of both folders; raises UnreadableModelError."""
    diagrams = tuple(read_diagram(path) for path in sorted(bpmn_dir.glob("*.bpmn")))
    return Files(
        diagrams=diagrams,
        decisions=tuple(read_decisions(path) for path in sorted(bpmn_dir.glob("*.dmn"))),
        forms=tuple(read_form(path) for path in sorted(forms_dir.glob("*.form"))),
        steps={diagram.process_id: read_steps(diagram.path) for diagram in diagrams},
    )
