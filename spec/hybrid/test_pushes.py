"""Many pushes of one changed route: every one is served, and neither side's memory grows. KGW_PUSHES=1000 KGW_PUSH_ROUTES=2000 is the full measure."""
import http.client
import json
import os
import pathlib
import re
import shutil
import tempfile
import time
import unittest

from node import Node, wait_for
from upstream import Upstream
from wire import make_pair

PUSHES = int(os.environ.get("KGW_PUSHES", "320"))
ROUTES = int(os.environ.get("KGW_PUSH_ROUTES", "200"))
SETTLED = 200  # what memory these pushes took at most is what a node of this size needs
GROWTH = 1.05


def memory(node: Node) -> dict:
    """KiB of a node's workers: resident, and its proportional share."""
    sums = {"Rss": 0, "Pss": 0}
    for pid in node.workers():
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        for name in sums:
            sums[name] += int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1])
    return sums


class Connection:
    """Requests on one kept connection."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(self, path: str, method: str = "GET", body=None) -> int:
        self.connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"} if body else {})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


class Pushes(unittest.TestCase):
    def setUp(self):
        temp = pathlib.Path(tempfile.mkdtemp(prefix="kgw-pushes-"))
        self.addCleanup(shutil.rmtree, temp, ignore_errors=True)
        cert, key = make_pair(temp, "cluster", "kong_clustering")
        upstream = Upstream()
        self.addCleanup(upstream.close)
        self.cp = Node(temp, "cp", role="control_plane", cluster_cert=cert, cluster_cert_key=key, plugins="bundled").start("admin")
        self.addCleanup(self.cp.stop)
        self.dp = Node(temp, "dp", role="data_plane", database="off", cluster_cert=cert, cluster_cert_key=key, plugins="bundled",
                       cluster_control_plane=f"127.0.0.1:{self.cp.ports['cluster']}").start("proxy")
        self.addCleanup(self.dp.stop)
        self.admin, self.proxy = Connection(self.cp.ports["admin"]), Connection(self.dp.ports["proxy"])
        self.assertEqual(self.admin.ask("/services", "POST", {"name": "s", "url": f"http://127.0.0.1:{upstream.port}"}), 201)
        for i in range(ROUTES):
            self.assertEqual(self.admin.ask("/services/s/routes", "POST", {"name": f"r{i}", "paths": [f"/r{i}"]}), 201)
        wait_for(lambda: self.proxy.ask(f"/r{ROUTES - 1}/x") == 200, 30, "the routes")

    def push(self, number: int) -> float:
        """Milliseconds from the Admin API's answer until the data plane serves the change."""
        path = f"/changed{number}"
        self.assertEqual(self.admin.ask(f"/routes/r{number * 7 % ROUTES}", "PATCH", {"paths": [path]}), 200)
        began = time.monotonic()
        while self.proxy.ask(path + "/x") != 200:
            self.assertLess(time.monotonic() - began, 20, "the change is not served")
            time.sleep(0.002)
        return (time.monotonic() - began) * 1000

    def test_memory_stays(self):
        nodes, taken = {"control plane": self.cp, "data plane": self.dp}, []
        most = {name: {"Rss": 0, "Pss": 0} for name in nodes}
        for number in range(1, PUSHES + 1):
            taken.append(self.push(number))
            if number <= SETTLED and number % 10 == 0:
                for name, node in nodes.items():
                    now = memory(node)
                    most[name] = {kind: max(now[kind], most[name][kind]) for kind in now}
        taken.sort()
        print(f"{PUSHES} pushes at {ROUTES} routes; served after {taken[len(taken) // 2]:.0f} ms (median), {taken[-1]:.0f} ms (most)")
        after = {name: memory(node) for name, node in nodes.items()}
        for name, sizes in after.items():
            print(f"  {name}: " + ", ".join(f"{kind} {most[name][kind]} KiB, in the end {now} KiB ({(now / most[name][kind] - 1) * 100:+.1f} %)" for kind, now in sizes.items()))
        for name, sizes in after.items():
            for kind, now in sizes.items():
                self.assertLess(now, most[name][kind] * GROWTH, f"{kind} of the {name}")


if __name__ == "__main__":
    unittest.main()
