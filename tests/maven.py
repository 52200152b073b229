"""Jars from Maven Central (or a mirror named in jgo's configuration), kept in the cache; without Maven."""

from collections.abc import Sequence
from pathlib import Path

from workers.runtime.errors import UserError
from workers.runtime.native.config import default_cache
from workers.runtime.native.locks import exclusive


def jars(coordinates: str, what: str) -> Sequence[Path]:
    """The class path, downloaded unless it is in the cache. Raises UserError when it cannot be had."""
    # Importing jgo costs half a second, which only those who need jars pay.
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.env import EnvironmentBuilder  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    cache = default_cache()
    mirrors = GlobalSettings.load().repositories
    context = MavenContext(repo_cache=cache / "maven", remote_repos={**mirrors, **MavenContext().remote_repos})
    with exclusive(cache / "jgo.lock"):
        try:
            return list(EnvironmentBuilder(context, cache_dir=cache / "jgo").from_endpoint(coordinates).all_jars)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"{what[0].upper()}{what[1:]} could not be downloaded: {str(error).splitlines()[0]}",
                hint="Check the network connection, or name a mirror under [repositories] in jgo's configuration.",
            ) from error
