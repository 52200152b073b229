"""The shape of a row in the tables of these tests."""

from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Case:
    """With these variables the decision says this; `rule` fires for it, when one is named."""

    says: str
    decision: str
    variables: dict[str, Any]
    output: Any
    rule: str | None = None


def rows(cases: list[Case]) -> list[Any]:
    """The cases as parameters of a test, each under its sentence."""
    return [pytest.param(case, id=case.says) for case in cases]
