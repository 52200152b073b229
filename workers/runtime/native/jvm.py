"""How a Java program is run: options in a file, log on standard output, temporary files in its folder."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from workers.runtime.native.java import Java

LOGGING = """\
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <Console name="Console" target="SYSTEM_OUT">
      <PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level %logger{36} - %msg%n"/>
    </Console>
  </Appenders>
  <Loggers>
    <Logger name="org.ehcache.core.EhcacheManager" level="warn"/>
    <Root level="info"><AppenderRef ref="Console"/></Root>
  </Loggers>
</Configuration>
"""

OPTIONS = (
    "-XX:+UseSerialGC",  # measured on 2 cores: 20 % quicker to start than G1, and no slower under load
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:+PerfDisableSharedMem",  # else a file in /tmp for each JVM, which stays after a kill
    "-Dfile.encoding=UTF-8",
)

COMPILE_QUICKLY = "-XX:TieredStopAtLevel=1"
"""Only the first of Java's two compilers. On 2 cores half the CPU for an order in the broker's first minutes, in
which the second one is busy; some more than with both for ever after (docs/reference/figures.md)."""


def java_command(
    java: Java, folder: Path, options: Sequence[str], class_path: Sequence[str], main: str
) -> list[str]:
    """What to run. The options are kept in a file of `folder`, since a class path has hundreds of entries.

    Temporary files go to the folder too; those that a killed run left are removed.
    """
    temporary, logging, arguments = folder / "tmp", folder / "log4j2.xml", folder / "java.args"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    logging.write_text(LOGGING)
    lines = [
        *OPTIONS,
        f"-Djava.io.tmpdir={temporary}",
        f"-Dlog4j.configurationFile={logging}",
        *options,
        "-cp",
        os.pathsep.join(class_path),
    ]
    arguments.write_text("\n".join(f'"{_escaped(line)}"' for line in lines))
    return [str(java.path), f"@{arguments}", main]


def _escaped(option: str) -> str:
    return option.replace("\\", "\\\\").replace('"', '\\"')
