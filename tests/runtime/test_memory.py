"""What a process has loaded when it begins to serve is not looked at by every collection of garbage."""

import subprocess
import sys

COUNT = """
import gc
{then}
from workers.runtime.memory import settle
settle()
print(len(gc.get_objects()), gc.get_freeze_count())
"""


def test_full_collections_look_only_at_what_came_later() -> None:
    run = subprocess.run(
        [sys.executable, "-c", COUNT.format(then="import api.main")], capture_output=True, text=True, check=True
    )
    looked_at, left_alone = map(int, run.stdout.split())
    assert left_alone > 50_000
    assert looked_at < left_alone / 100
