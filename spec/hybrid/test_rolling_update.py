"""A rolling update as an orchestrator does it: a new data plane comes up, the old one gets SIGTERM while clients still send; nobody sees a failure."""
import http.client
import os
import pathlib
import shutil
import signal
import tempfile
import threading
import time
import unittest

from configs import message, name_hash, table
from node import Node, wait_for
from upstream import Upstream
from wire import BINARY, FakeControlPlane, Watch, frame, make_pair


class Balancer:
    """What a load balancer knows: nodes that said ready at the last look (every 50 ms)."""

    def __init__(self):
        self.nodes, self.ready, self.running = [], [], True
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while self.running:
            self.ready = [node for node in self.nodes if node.status("/status/ready")[0] == 200]
            time.sleep(0.05)


class Client(threading.Thread):
    """Keep-alive requests to whatever node the balancer names; notes everything that is not a 200."""

    def __init__(self, balancer, pause: float):
        super().__init__(daemon=True)
        self.balancer, self.pause, self.sent, self.bad = balancer, pause, 0, []

    def run(self):
        connection, node = None, None
        while self.balancer.running:
            if connection is None or node not in self.balancer.ready:
                if connection:
                    connection.close()
                node = self.balancer.ready[self.sent % len(self.balancer.ready)]
                connection = http.client.HTTPConnection("127.0.0.1", node.ports["proxy"], timeout=10)
            try:
                connection.request("GET", "/r0/x")
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    self.bad.append((node.folder.name, answer.status, body[:200]))
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.bad.append((node.folder.name, repr(error)))
                connection = None
            self.sent += 1
            time.sleep(self.pause)


class RollingUpdate(unittest.TestCase):
    def test_no_request_fails(self):
        temp = pathlib.Path(tempfile.mkdtemp(prefix="kgw-roll-"))
        self.addCleanup(shutil.rmtree, temp, ignore_errors=True)
        cert, key = make_pair(temp, "cluster", "kong_clustering")
        cp, upstream, balancer = FakeControlPlane(cert, key), Upstream(), Balancer()
        self.addCleanup(upstream.close)
        self.addCleanup(cp.close)

        def start(name):
            node = Node(temp, name, role="data_plane", database="off", cluster_cert=cert, cluster_cert_key=key, plugins="off",
                        cluster_control_plane=f"127.0.0.1:{cp.port}").start("proxy")
            self.addCleanup(node.stop)
            wire, _ = cp.accept()
            watch = Watch(wire)
            self.addCleanup(wire.close)
            wire.send(frame(BINARY, message(table(upstream.port), name_hash("rolling"))))
            wait_for(lambda: name_hash("rolling") in watch.hashes, 15, "the configuration")
            balancer.nodes.append(node)
            wait_for(lambda: node in balancer.ready, 10, f"readiness of {name}")
            return node

        current = start("task0")
        clients = [Client(balancer, 0.004) for _ in range(8)]
        for client in clients:
            client.start()
        for i in (1, 2, 3):
            fresh = start(f"task{i}")
            pid = current.pid()
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: current not in balancer.ready, 10, "the old task to leave")
            wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 40, "the old task to end")
            balancer.nodes.remove(current)
            current = fresh
        balancer.running = False
        for client in clients:
            client.join(15)
        self.assertEqual([bad for client in clients for bad in client.bad], [])
        self.assertGreater(sum(client.sent for client in clients), 300)


if __name__ == "__main__":
    unittest.main()
