"""A download is resumed when it breaks, refused when it is wrong, and made once."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from tests.native.conftest import Mirror
from workers.runtime.errors import UserError
from workers.runtime.native import downloads
from workers.runtime.native.downloads import Artifact, addresses, fetch, require_space
from workers.runtime.native.engine import unpack


def artifact_of(content: bytes) -> Artifact:
    return Artifact("g", "file", "1", "tar.gz", len(content), hashlib.sha256(content).hexdigest())


def quiet(_done: int, _total: int) -> None:
    pass


class TestFetching:
    def test_a_half_that_lies_there_is_continued(self, mirror: Mirror, tmp_path: Path) -> None:
        (tmp_path / "file-1.tar.gz.part").write_bytes(mirror.content[:1000])
        file = fetch(artifact_of(mirror.content), tmp_path, quiet, sources=[mirror.url])
        assert file.read_bytes() == mirror.content
        assert mirror.asked == ["bytes=1000-"]

    def test_a_connection_that_breaks_is_taken_up_where_it_broke(self, mirror: Mirror, tmp_path: Path) -> None:
        mirror.cut_after = 300_000
        file = fetch(artifact_of(mirror.content), tmp_path, quiet, sources=[mirror.url])
        assert file.read_bytes() == mirror.content
        assert mirror.asked[0] is None
        assert mirror.asked[1] is not None

    def test_a_server_that_cannot_continue_sends_all_again(self, mirror: Mirror, tmp_path: Path) -> None:
        mirror.ranges = False
        (tmp_path / "file-1.tar.gz.part").write_bytes(mirror.content[:1000])
        file = fetch(artifact_of(mirror.content), tmp_path, quiet, sources=[mirror.url])
        assert file.read_bytes() == mirror.content

    def test_a_broken_half_costs_one_more_download(self, mirror: Mirror, tmp_path: Path) -> None:
        (tmp_path / "file-1.tar.gz.part").write_bytes(b"x" * 1000)
        file = fetch(artifact_of(mirror.content), tmp_path, quiet, sources=[mirror.url])
        assert file.read_bytes() == mirror.content
        assert mirror.asked == ["bytes=1000-", None]

    def test_a_file_with_the_wrong_checksum_is_refused_and_not_kept(self, mirror: Mirror, tmp_path: Path) -> None:
        artifact = artifact_of(b"y" + mirror.content[1:])
        with pytest.raises(UserError, match="checksum differs"):
            fetch(artifact, tmp_path, quiet, sources=[mirror.url])
        assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]

    def test_the_second_time_touches_no_network(self, mirror: Mirror, tmp_path: Path) -> None:
        fetch(artifact_of(mirror.content), tmp_path, quiet, sources=[mirror.url])
        fetch(artifact_of(mirror.content), tmp_path, quiet, sources=[mirror.url])
        assert len(mirror.asked) == 1

    def test_without_network_a_sentence_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(downloads, "ATTEMPTS", 1)
        with pytest.raises(UserError, match="could not be downloaded") as refused:
            fetch(artifact_of(b"z"), tmp_path, quiet, sources=["http://127.0.0.1:9/file"])
        assert "continues where it stopped" in str(refused.value.hint)

    def test_too_little_disk_is_said_beforehand(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="are free there"):
            require_space(tmp_path / "not" / "yet", 10**18, "A large thing")


class TestWhereItIs:
    def test_repositories_of_the_users_jgo_configuration_come_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A mirror is named there, so that no address stands in the code."""
        (tmp_path / "jgo.conf").write_text("[repositories]\nmirror = http://mirror.test/maven/\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
        first = addresses(downloads.CAMUNDA)[0]
        assert first == "http://mirror.test/maven/io/camunda/camunda-zeebe/8.6.0/camunda-zeebe-8.6.0.tar.gz"


class TestUnpacking:
    def test_a_broken_archive_leaves_nothing(self, tmp_path: Path) -> None:
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode="w:gz") as tar:
            member = tarfile.TarInfo("camunda/lib/a.jar")
            member.size = 100_000
            tar.addfile(member, io.BytesIO(bytes(range(250)) * 400))
        archive = tmp_path / "archive.tar.gz"
        archive.write_bytes(whole.getvalue()[:-100])
        with pytest.raises(UserError, match="could not be unpacked"):
            unpack(archive, tmp_path / "engine")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.tar.gz", "engine.lock"]

    def test_an_archive_that_reaches_outside_is_refused(self, tmp_path: Path) -> None:
        archive = tmp_path / "archive.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("../outside"))
        with pytest.raises(UserError, match="could not be unpacked"):
            unpack(archive, tmp_path / "cache" / "engine")
        assert not (tmp_path / "cache" / "outside").exists()
        assert not (tmp_path / "cache" / "engine").exists()
