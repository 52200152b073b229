"""Who has to approve a refund, on the engine of Camunda 8.8: the very rows of tests/decisions."""

import pytest

from tests.decisions.test_refund_policy import *  # noqa: F403  # whatever is tested there is tested here

pytestmark = pytest.mark.compat
