"""Who resolves a ticket, on the engine of Camunda 8.8: the very rows of tests/decisions."""

import pytest

from tests.decisions.test_gate import *  # noqa: F403  # whatever is tested there is tested here

pytestmark = pytest.mark.compat
