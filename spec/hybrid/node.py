"""Starts and stops kgw processes for tests: a configuration file, a prefix and free ports of its own each."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
KGW = os.environ.get("KGW", str(ROOT / "build" / "kgw"))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(condition, limit: float = 15, what: str = "the condition"):
    """The first true value of condition(); fails after `limit` seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {limit} s")


def request(url: str, method: str = "GET", body=None, headers=None, timeout: float = 10) -> tuple[int, dict, str]:
    """status, headers (lower-case names), body. A status is never an exception; no connection is status 0."""
    data = json.dumps(body).encode() if body is not None else None
    wanted = urllib.request.Request(url, data=data, method=method, headers={**({"Content-Type": "application/json"} if data else {}), **(headers or {})})
    try:
        with urllib.request.urlopen(wanted, timeout=timeout) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode()
    except OSError as error:
        return 0, {}, str(error)


class Node:
    """One gateway. `conf` are kong.conf properties; ports: proxy, admin, status, cluster."""

    def __init__(self, folder: pathlib.Path, name: str, **conf):
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prefix = self.folder / "prefix"
        self.ports = {kind: free_port() for kind in ("proxy", "admin", "status", "cluster")}
        self.conf = {
            "prefix": self.prefix, "nginx_worker_processes": 1, "log_level": "info", "anonymous_reports": "off", "proxy_access_log": "off", "nginx_user": "root root",
            "proxy_listen": f"127.0.0.1:{self.ports['proxy']}", "admin_listen": f"127.0.0.1:{self.ports['admin']}", "admin_gui_listen": "off",
            "status_listen": f"127.0.0.1:{self.ports['status']}", "cluster_listen": f"127.0.0.1:{self.ports['cluster']}", **conf,
        }

    def start(self, wait: str | None = None) -> "Node":
        path = self.folder / "kong.conf"
        path.write_text("".join(f"{name} = {value}\n" for name, value in self.conf.items()))
        done = subprocess.run([KGW, "start", "-c", str(path)], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"start failed: {done.stdout}{done.stderr}\n{self.log()}")
        if wait:
            self.wait_port(wait)
        return self

    def wait_port(self, kind: str) -> None:
        def answers():
            try:
                socket.create_connection(("127.0.0.1", self.ports[kind]), timeout=1).close()
                return True
            except OSError:
                return False
        wait_for(answers, 15, f"port {kind} of {self.folder.name}")

    def pid(self) -> int:
        return int((self.prefix / "pids" / "nginx.pid").read_text())

    def workers(self) -> list[int]:
        out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid())], capture_output=True, text=True)
        return [int(pid) for pid in out.stdout.split()]

    def stop(self) -> None:
        subprocess.run([KGW, "stop", "-p", str(self.prefix)], capture_output=True, timeout=60)

    def kill(self) -> None:
        """As a power cut would: everything at once, without a word."""
        pids = [self.pid(), *self.workers()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}/stat").exists() and " Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text() for pid in pids), 10, "the end of the processes")

    def log(self) -> str:
        path = self.prefix / "logs" / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_log(self, text: str, limit: float = 15) -> None:
        try:
            wait_for(lambda: text in self.log(), limit, f"{text!r} in the log")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-3000:]}") from None

    def proxy(self, path: str, **more):
        return request(f"http://127.0.0.1:{self.ports['proxy']}{path}", **more)

    def admin(self, path: str, method: str = "GET", body=None, **more):
        return request(f"http://127.0.0.1:{self.ports['admin']}{path}", method, body, **more)

    def status(self, path: str):
        return request(f"http://127.0.0.1:{self.ports['status']}{path}")
