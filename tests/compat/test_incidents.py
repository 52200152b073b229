"""Trying again after an incident, on the engine of Camunda 8.8: the very tests of tests/engine."""

import pytest

from tests.engine.test_incidents import *  # noqa: F403  # whatever is tested there is tested here

pytestmark = pytest.mark.compat
