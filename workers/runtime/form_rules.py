"""Every answer in a form is read by somebody, and everything it shows is set by somebody."""

from collections.abc import Iterator

from workers.runtime.feel import names
from workers.runtime.files import Files
from workers.runtime.formfields import MARK, Field
from workers.runtime.jobs import CASE_URL, Process
from workers.runtime.model import Diagram, FormFile
from workers.runtime.steps import Step
from workers.runtime.variables import Variables


def fields_are_read(process: Process, _diagram: Diagram, files: Files) -> Iterator[str]:
    """Nobody fills in what no one looks at."""
    for step, form, variables in _forms(process, files):
        for field in form.content.fields:
            if not field.unread and field.variable not in form.content.own_reads:
                yield from _about_field(step, form, field, variables)


def shown_is_set(process: Process, _diagram: Diagram, files: Files) -> Iterator[str]:
    """A form opens with everything that it shows."""
    for step, form, variables in _forms(process, files):
        there = variables.there(step)
        for name in sorted(form.content.shown - there - {CASE_URL}) if there is not None else ():
            yield (
                f"{form.path.name}: it shows {name}, which nothing before {step.id} sets;"
                " correct the name, or set it in the task's input mappings."
            )


def _forms(process: Process, files: Files) -> Iterator[tuple[Step, FormFile, Variables]]:
    variables = Variables(process, files)
    for step in variables.steps.by_id.values():
        if form := files.forms_by_id.get(step.form):
            yield step, form, variables


def _about_field(step: Step, form: FormFile, field: Field, variables: Variables) -> Iterator[str]:
    taken = [name for name, source in step.outputs.items() if field.variable in names(source)]
    leaves = taken if step.outputs else [field.variable]
    what = f"{form.path.name}: no one reads field {field.label} ({field.variable})"
    otherwise = f"or give it the custom property {'='.join(MARK)}."
    if not leaves:
        yield f"{what}: {step.id} has output mappings, none of them with it; map it, remove the field, {otherwise}"
    elif not any(variables.read_later(step, name) for name in leaves):
        also = "" if leaves == [field.variable] else f" as {', '.join(leaves)}"
        yield f"{what}{also} after {step.id}; use it in a gateway, mapping, table or job, remove it, {otherwise}"
