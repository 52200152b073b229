from tests.fakes.faults import Faults
from workers.ports.alerts import Alert, Post, Told
from workers.runtime.errors import EffectConflict


class FakeAlerts(Faults):
    """Implements ports.alerts.Alerts."""

    def __init__(self) -> None:
        super().__init__()
        self.pushes: dict[str, Alert] = {}
        self.posts: dict[str, Post] = {}

    async def push(self, alert: Alert) -> Told:
        self._begin("push")
        known = self.pushes.setdefault(alert.key, alert)
        self._end("push")
        if known != alert:
            raise EffectConflict(f"There already is another alert under key {alert.key}.")
        return Told(f"P-{alert.key}", alert.key)

    async def find_push(self, key: str) -> Told | None:
        self._begin("find_push")
        return Told(f"P-{key}", key) if key in self.pushes else None

    async def post(self, post: Post) -> Told:
        self._begin("post")
        known = self.posts.setdefault(post.key, post)
        self._end("post")
        if known != post:
            raise EffectConflict(f"There already is another post under key {post.key}.")
        return Told(f"C-{post.key}", post.key)

    async def find_post(self, key: str) -> Told | None:
        self._begin("find_post")
        return Told(f"C-{key}", key) if key in self.posts else None
