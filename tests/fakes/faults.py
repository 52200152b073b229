"""How a fake is told to fail."""

from collections import defaultdict, deque

from workers.runtime.errors import OutcomeUnknown


class Faults:
    """Failures in store per method, each used once, in the order they were given."""

    def __init__(self) -> None:
        self._before: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self._after: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self.calls: list[str] = []
        """Every method called, in order."""

    def refuse(self, method: str, error: Exception) -> None:
        """The next call of the method raises this and does nothing."""
        self._before[method].append(error)

    def lose_answer(self, method: str) -> None:
        """The next call of the method is done, then raises OutcomeUnknown."""
        self._after[method].append(OutcomeUnknown(f"{method}: no answer in time"))

    def _begin(self, method: str) -> None:
        self.calls.append(method)
        if self._before[method]:
            raise self._before[method].popleft()

    def _end(self, method: str) -> None:
        if self._after[method]:
            raise self._after[method].popleft()
