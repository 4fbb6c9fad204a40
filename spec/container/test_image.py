"""The image's file system as the Dockerfile lays it out, run the way ECS runs it: read-only root, an arbitrary uid, no capabilities, a quarter of a CPU and 256 MB,
certificates as text in the environment. The build stage's steps are the Dockerfile's own; with KGW_IMAGE_TEST=full they run in a fresh Debian 12
(debootstrap), otherwise on this machine's build."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "spec" / "hybrid"))
from configs import message, name_hash, table  # noqa: E402
from node import free_port, request, wait_for  # noqa: E402
from upstream import Upstream  # noqa: E402
from wire import BINARY, FakeControlPlane, Watch, frame, make_pair  # noqa: E402

UID = 48213
MEMORY = 256 << 20


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, argument) with continued lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line and not line.startswith("#")]


def stages() -> tuple[list, list]:
    found, at = [], -1
    for name, value in dockerfile():
        if name == "FROM":
            found.append([])
            at += 1
        found[at].append((name, value))
    return found[0], found[-1]


def build_in_debian(target: pathlib.Path) -> pathlib.Path:
    """Runs the build stage in a fresh Debian 12 and gives the folder that the last stage copies."""
    system = target / "debian"
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", str(system)], check=True, stdout=subprocess.DEVNULL)
    for name in ("/etc/apt/sources.list", "/etc/apt/apt.conf.d", "/etc/resolv.conf"):
        if os.path.isdir(name):
            shutil.copytree(name, f"{system}{name}", dirs_exist_ok=True)
        elif os.path.exists(name):
            shutil.copy(name, f"{system}{name}")
    subprocess.run(["mount", "--bind", "/proc", f"{system}/proc"], check=True)
    try:
        for name, value in stages()[0][1:]:
            if name == "COPY":
                source, place = value.split()
                tree = subprocess.run(["git", "archive", "HEAD", *([] if source == "." else [source])], cwd=ROOT, check=True, capture_output=True).stdout
                (system / "src").mkdir(exist_ok=True)
                subprocess.run(["tar", "-x", "-C", str(system / "src")], input=tree, check=True)
            elif name == "RUN":
                subprocess.run(["chroot", str(system), "/bin/sh", "-c", value], check=True, stdout=subprocess.DEVNULL)
    finally:
        subprocess.run(["umount", f"{system}/proc"])
    return system / "image"


class Limits:
    """A cgroup with a quarter of a CPU and 256 MB, in whatever version of cgroups there is; `enter` goes in front of a command."""

    def __init__(self):
        self.folders, name = [], f"kgw-test-{os.getpid()}"
        wanted = (("/sys/fs/cgroup", "cpu.max", "25000 100000"), ("/sys/fs/cgroup", "memory.max", str(MEMORY)),
                  ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "25000"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", str(MEMORY)))
        for base, file, value in wanted:
            folder = pathlib.Path(base) / name
            try:
                folder.mkdir(exist_ok=True)
                (folder / file).write_text(value)
                if folder not in self.folders:
                    self.folders.append(folder)
            except OSError:
                continue

    def enter(self) -> str:
        return "".join(f"echo $$ > {folder}/cgroup.procs; " for folder in self.folders)

    def close(self):
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)


@unittest.skipUnless(os.geteuid() == 0, "needs root for chroot and mounts")
class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = pathlib.Path(tempfile.mkdtemp(prefix="kgw-image-"))
        os.chmod(cls.temp, 0o755)
        if os.environ.get("KGW_IMAGE_TEST") == "full":
            cls.root = build_in_debian(cls.temp)
        else:
            cls.root = cls.temp / "image"
            subprocess.run(["sh", str(ROOT / "scripts" / "image-root"), str(cls.root)], check=True, stdout=subprocess.DEVNULL)
        cls.limits = Limits()
        cls.upstream = Upstream()
        cls.cert, cls.key = make_pair(cls.temp, "cluster", "kong_clustering")
        cls.env = {}
        for name, value in stages()[1]:
            if name == "ENV":
                cls.env.update(re.findall(r"(\w+)=(\S+)", value))

    @classmethod
    def tearDownClass(cls):
        cls.upstream.close()
        cls.limits.close()
        shutil.rmtree(cls.temp, ignore_errors=True)

    def run_inside(self, arguments: list[str], env: dict, wait: bool):
        """Runs kgw in the image: own mount namespace, root mounted read-only, a uid nobody has, no capabilities, the cgroup's limits."""
        script = (f"mount --bind {self.root} {self.root} && mount --rbind /proc {self.root}/proc && mount --rbind /dev {self.root}/dev && mount --rbind /sys {self.root}/sys && "
                  f"mount -o remount,bind,ro {self.root} && {self.limits.enter()}"
                  f"exec chroot --userspec={UID}:{UID} {self.root} /usr/bin/kgw \"$@\"")
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "kgw", *arguments]
        if wait:
            return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_the_content_is_small_and_has_no_shell(self):
        size = sum(path.lstat().st_size for path in self.root.rglob("*") if not path.is_dir())
        self.assertLess(size, 60 << 20)
        names = {path.name for path in self.root.rglob("*")}
        self.assertFalse(names & {"sh", "bash", "dash", "busybox", "apt", "dpkg", "perl", "python3"})
        self.assertFalse([path for path in self.root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o6000])

    def test_lua_is_compiled_and_a_source_laid_over_it_is_read(self):
        files = list((self.root / "usr/share/kgw").rglob("*.lua"))
        self.assertEqual([path for path in files if path.read_bytes()[:3] != b"\x1bLJ"], [])
        path = self.root / "usr/share/kgw/lua/kong/meta.lua"
        before = path.read_bytes()
        self.addCleanup(path.write_bytes, before)
        path.write_text('return { _VERSION = "0.0.1" }\n')
        self.assertEqual(self.run_inside(["version"], self.env, wait=True).stdout.strip(), "0.0.1")

    def test_runs_as_ecs_runs_it(self):
        cp = FakeControlPlane(self.cert, self.key)
        self.addCleanup(cp.close)
        proxy, status = free_port(), free_port()
        env = {**self.env, "KONG_ROLE": "data_plane", "KONG_DATABASE": "off", "KONG_KONNECT_MODE": "on", "KONG_VITALS": "off", "KONG_CLUSTER_MTLS": "shared",
               "KONG_CLUSTER_CONTROL_PLANE": f"127.0.0.1:{cp.port}", "KONG_CLUSTER_TELEMETRY_ENDPOINT": "127.0.0.1:1", "KONG_LUA_SSL_TRUSTED_CERTIFICATE": "system",
               "KONG_CLUSTER_CERT": pathlib.Path(self.cert).read_text(), "KONG_CLUSTER_CERT_KEY": pathlib.Path(self.key).read_text(),
               "KONG_PROXY_LISTEN": f"127.0.0.1:{proxy}", "KONG_STATUS_LISTEN": f"127.0.0.1:{status}"}
        begin = time.monotonic()
        process = self.run_inside(next(value for name, value in stages()[1] if name == "CMD").strip('[]"').split('", "'), env, wait=False)
        self.addCleanup(process.kill)
        try:
            wire, _ = cp.accept(30)
        except (OSError, socket.timeout) as error:
            process.kill()
            self.fail(f"{error}: {process.stdout.read()[-3000:]}")
        watch = Watch(wire)
        self.addCleanup(wire.close)
        wire.send(frame(BINARY, message(table(self.upstream.port, 1000), name_hash("image"))))
        wait_for(lambda: name_hash("image") in watch.hashes, 30, "the configuration")
        ready = time.monotonic() - begin
        self.assertEqual(request(f"http://127.0.0.1:{proxy}/r999/x")[::2], (200, "upstream saw /x"))
        self.assertEqual(request(f"http://127.0.0.1:{status}/status/ready")[0], 200)
        health = self.run_inside(["health"], env, wait=True)
        self.assertEqual(health.returncode, 0, health.stdout + health.stderr)
        inside = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        self.assertEqual(re.search(r"Uid:\s+(\d+)", inside)[1], str(UID))
        children = [int(pid) for pid in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        if self.limits.folders:
            self.assertEqual(len(children), 1, "one worker below one CPU")
        memory = sum(int(re.search(r"Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text())[1]) for pid in [process.pid, *children])
        self.assertLess(memory, MEMORY >> 10)
        print(f"\nat {'a quarter of a CPU' if self.limits.folders else 'full speed'}: ready with 1,000 routes after {ready:.2f} s, {memory // 1024} MiB", file=sys.stderr)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(40), 0, process.stdout.read()[-2000:])

    def test_says_what_is_wrong(self):
        env = {**self.env, "KONG_ROLE": "data_plane", "KONG_DATABASE": "off"}
        done = self.run_inside(["docker-start"], env, wait=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("cluster certificate and key must be provided", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
