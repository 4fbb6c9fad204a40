"""A rolling update as an orchestrator does it: a new data plane comes up and is registered with the load balancer, an old one is taken out and gets
SIGTERM, while clients send 1,000 requests a second on new and kept connections. No request fails."""
import os
import pathlib
import shutil
import signal
import tempfile
import time
import unittest

from configs import message, name_hash, table
from load import Balancer, Clients
from node import Node, wait_for
from wire import BINARY, FakeControlPlane, Watch, frame, make_pair

RATE = float(os.environ.get("KGW_ROLLING_RATE", "1000"))
UPDATES = int(os.environ.get("KGW_ROLLING_UPDATES", "3"))


class RollingUpdate(unittest.TestCase):
    def setUp(self):
        self.temp = pathlib.Path(tempfile.mkdtemp(prefix="kgw-roll-"))
        self.addCleanup(shutil.rmtree, self.temp, ignore_errors=True)
        self.pair = make_pair(self.temp, "cluster", "kong_clustering")
        self.cp, self.balancer = FakeControlPlane(*self.pair), Balancer()
        self.addCleanup(self.balancer.close)
        self.addCleanup(self.cp.close)

    def start_task(self, name: str) -> Node:
        """A task that is ready and registered."""
        node = Node(self.temp, name, role="data_plane", database="off", cluster_cert=self.pair[0], cluster_cert_key=self.pair[1], plugins="off",
                    cluster_control_plane=f"127.0.0.1:{self.cp.port}").start("proxy")
        self.addCleanup(node.stop)
        wire, _ = self.cp.accept()
        watch = Watch(wire)
        self.addCleanup(wire.close)
        wire.send(frame(BINARY, message(table(self.balancer.upstream), name_hash("rolling"))))
        wait_for(lambda: name_hash("rolling") in watch.hashes, 15, "the configuration")
        wait_for(lambda: node.status("/status/ready")[0] == 200, 10, f"readiness of {name}")
        self.balancer.add(node.ports["proxy"])
        return node

    def stop_task(self, node: Node, is_told_first: bool) -> float:
        """SIGTERM after the balancer took the task out, or before: then the health check finds out. Seconds until the process has ended."""
        port, pid = node.ports["proxy"], node.pid()
        began = time.monotonic()
        if is_told_first:
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: node.status("/status/ready")[0] != 200, 10, "the old task to say that it is not ready")
            self.assertEqual(self.balancer.remove(port)["refused"], [])
        else:
            self.assertEqual(self.balancer.remove(port)["refused"], [])
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 40, "the old task to end")
        return time.monotonic() - began

    def test_no_request_fails(self):
        tasks = [self.start_task("task0"), self.start_task("task1")]
        clients = Clients(self.balancer.port, RATE)
        self.addCleanup(clients.close)
        ended = []
        for i in range(UPDATES):
            tasks.append(self.start_task(f"task{i + 2}"))
            ended.append(self.stop_task(tasks.pop(0), i % 2 == 1))
        seen = clients.stop()
        print(f"rolling update: {seen['requests']} requests, {seen['per_second']} a second of {RATE:.0f} wanted, {seen['kinds']}, "
              f"{len(seen['failures'])} failed; tasks ended after {', '.join(f'{s:.1f}' for s in ended)} s")
        self.assertEqual(seen["failures"], [])
        self.assertEqual(seen["answered"], seen["requests"])
        self.assertEqual(set(seen["kinds"]), {"new", "steady", "lazy"})


if __name__ == "__main__":
    unittest.main()
