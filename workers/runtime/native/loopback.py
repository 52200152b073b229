"""Keeps the broker's gossip socket on 127.0.0.1.

Every other socket of Zeebe 8.6 listens where it is told; the UDP socket for cluster membership is bound to all
interfaces whatever is configured (`NettyUnicastService`, field `bindAddress`). A copy of this one class that reads
the advertised address instead (the field next to it, of the same type) goes in front of the class path; the
archive's own files stay as they are.
"""

import hashlib
import zipfile
from pathlib import Path

from workers.runtime.errors import UserError

_JAR = "zeebe-atomix-cluster-8.6.0.jar"
_CLASS = "io/atomix/cluster/messaging/impl/NettyUnicastService.class"
_SHA256 = "7626a57b4d7e168e948b1ee5012e1ad83f3b8457ad36e7c3c318d717b11bbdbd"
_READ_BIND_ADDRESS = bytes.fromhex("2ab40052")  # aload_0, getfield bindAddress
_READ_ADVERTISED_ADDRESS = bytes.fromhex("2ab40028")  # aload_0, getfield advertisedAddress


def write_patch(lib: Path, target: Path) -> None:
    """Writes the jar with the changed class; raises UserError when the class is not the one that is known."""
    with zipfile.ZipFile(lib / _JAR) as jar:
        original = jar.read(_CLASS)
    if hashlib.sha256(original).hexdigest() != _SHA256:
        raise UserError(
            "The unpacked engine is not Camunda 8.6.0 as it was published.",
            hint="Delete it from the cache (`orderops doctor` says where) and run the command again.",
        )
    with zipfile.ZipFile(target, "w") as jar:
        jar.writestr(_CLASS, original.replace(_READ_BIND_ADDRESS, _READ_ADVERTISED_ADDRESS))
