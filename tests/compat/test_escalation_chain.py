"""Whom an escalation wakes, on the engine of Camunda 8.8: the very rows of tests/decisions."""

import pytest

from tests.decisions.test_escalation_chain import *  # noqa: F403  # whatever is tested there is tested here

pytestmark = pytest.mark.compat
