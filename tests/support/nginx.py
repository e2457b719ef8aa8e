"""Debian's nginx as anybody may run it: with a directory and a port of its own, and the words of docs/operating.md."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

from tests.support.service import PATIENCE_SECONDS, ROOT, Service

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def documented_location() -> str:
    """What docs/operating.md says of nginx."""
    text = (ROOT / "docs" / "operating.md").read_text()
    found = re.search(r"^    location /openattic/ \{\n.*?^    \}\n", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[0]


class Nginx:
    """A proxy in front of a service; `base` is where it is reached, as of a Service."""

    def __init__(self, directory: Path, service: Service) -> None:
        port = _free_port()
        self.base = f"http://127.0.0.1:{port}"
        location = documented_location().replace("http://127.0.0.1:8765", service.base)
        assert service.base in location
        paths = "".join(f"{name}_temp_path {directory}/{name};" for name in TEMPORARY)
        config = directory / "nginx.conf"
        config.write_text(
            f"daemon off; master_process off; pid {directory}/nginx.pid; error_log stderr notice; events {{}}\n"
            f"http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port};\n{location} }} }}\n"
        )
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        command = [program, "-p", directory, "-e", "stderr", "-c", config]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        said = []
        for line in self.process.stderr:
            said.append(line)
            if "event method" in line:
                return
        raise AssertionError("".join(said))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)
        self.process.stderr.close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
