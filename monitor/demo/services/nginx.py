"""nginx, from the Debian package: a proxy in front of the console that signs people in with a name and a password."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from monitor.demo.services.process import ServiceMissingError, answers, free_port, running

#: What the console needs of a proxy; docs/security.md shows it.
LOCATION = """\
auth_basic           "eda-monitor";
auth_basic_user_file users;
proxy_pass           {upstream};
proxy_http_version   1.1;
proxy_set_header     Host $http_host;
proxy_set_header     Upgrade $http_upgrade;
proxy_set_header     Connection $connection_upgrade;
proxy_set_header     X-Forwarded-User $remote_user;
proxy_read_timeout   1h;
"""
_CONFIGURATION = """\
daemon off;
pid nginx.pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            {location}
        }}
    }}
}}
"""


@contextmanager
def nginx(upstream: str, passwords: Mapping[str, str]) -> Iterator[str]:
    """A proxy of this address for these users; yields its URL."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise ServiceMissingError("nginx is not installed: apt-get install nginx-light")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="eda-nginx-") as name:
        folder = Path(name)
        (folder / "users").write_text("".join(f"{user}:{{PLAIN}}{word}\n" for user, word in passwords.items()))
        (folder / "nginx.conf").write_text(
            _CONFIGURATION.format(user=_user(), port=port, location=LOCATION.format(upstream=upstream))
        )
        command = [program, "-p", name, "-c", "nginx.conf", "-e", "stderr"]
        with running(command, folder, lambda: answers(port)):
            yield f"http://127.0.0.1:{port}"


def _user() -> str:
    """Workers of root would be somebody who cannot read the folder; others cannot choose."""
    if os.geteuid() != 0:
        return ""
    return f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};"
