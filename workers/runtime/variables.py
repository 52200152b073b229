"""Which variables the steps of a process read and set, by diagram, handlers, tables, forms and messages."""

import dataclasses
import inspect
from collections.abc import Iterable
from typing import Any

from workers.runtime.feel import names
from workers.runtime.files import Files
from workers.runtime.jobs import Process
from workers.runtime.steps import Step, Steps


class Variables:
    """Of one process. What cannot be known counts as read and as set."""

    def __init__(self, process: Process, files: Files) -> None:
        self.steps: Steps = files.steps[process.id]
        self._jobs = {job.type: inspect.signature(job.handler, eval_str=True) for job in process.jobs}
        self._messages = {message.name.value: message.payload.model_fields for message in process.messages}
        self._files = files

    def read_later(self, step: Step, variable: str) -> bool:
        """Whether anything reads the variable once the step is done."""
        later = (self.steps.by_id[name] for name in self.steps.after(step.id) if name in self.steps.by_id)
        return variable in self._taken(step.at_the_end) or any(variable in self.read(each) for each in later)

    def read(self, step: Step) -> frozenset[str]:
        """What it reads of the case's variables; those it makes itself by its input mappings are its own."""
        table = self._files.file_of_decision.get(step.decision)
        taken = self._taken(step.job_types) | (table.reads if table else frozenset())
        return frozenset().union(*map(names, step.all_expressions)) | (taken - step.inputs.keys())

    def there(self, step: Step) -> frozenset[str] | None:
        """What may be set when the step begins; None where a called process before it sets what it likes."""
        earlier = [self.steps.by_id[name] for name in self.steps.before(step.id) if name in self.steps.by_id]
        if any(each.calls and not each.outputs for each in earlier):
            return None
        around = (self.steps.by_id[name] for name in self.steps.around[step.id])
        own = {*step.inputs, *self._returned(step.job_types)}
        local = {name for each in around for name in each.inputs}
        return frozenset().union(own, local, *map(self.set_by, earlier))

    def set_by(self, step: Step) -> frozenset[str]:
        """What it leaves for later steps."""
        if step.outputs:
            return frozenset(step.outputs)
        form = self._files.forms_by_id.get(step.form)
        fields = {field.variable for field in form.content.fields} if form else set()
        told = self._messages.get(step.message, {})
        return frozenset({*step.results, *fields, *told, *self._returned(step.job_types)})

    def _taken(self, job_types: Iterable[str]) -> frozenset[str]:
        signatures = [self._jobs[each] for each in job_types if each in self._jobs]
        return frozenset(name for signature in signatures for name in signature.parameters)

    def _returned(self, job_types: Iterable[str]) -> frozenset[str]:
        results: list[Any] = [self._jobs[each].return_annotation for each in job_types if each in self._jobs]
        return frozenset(
            field.name
            for result in results
            if dataclasses.is_dataclass(result)
            for field in dataclasses.fields(result)
        )
