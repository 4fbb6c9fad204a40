"""The data plane against a control plane that is played by hand: what it sends, what it takes, what it survives."""
import base64
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import tempfile
import threading
import time
import unittest
import unittest.mock

from configs import message, name_hash, table
from node import Node, wait_for
from s3 import FakeS3
from upstream import Traffic, Upstream
from wire import BINARY, CLOSE, PING, Closed, FakeControlPlane, Watch, frame, make_pair

ZEROS = "0" * 32


class DataPlane(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = pathlib.Path(tempfile.mkdtemp(prefix="kgw-dp-"))
        cls.cert, cls.key = make_pair(cls.temp, "cluster", "kong_clustering")
        cls.other = make_pair(cls.temp, "other", "kong_clustering")
        cls.upstream = Upstream()

    @classmethod
    def tearDownClass(cls):
        cls.upstream.close()
        shutil.rmtree(cls.temp, ignore_errors=True)

    def setUp(self):
        self.cp = FakeControlPlane(self.cert, self.key)
        self.nodes = []

    def tearDown(self):
        for node in self.nodes:
            node.stop()
        self.cp.close()

    def node(self, name=None, **conf) -> Node:
        settings = {"role": "data_plane", "database": "off", "cluster_cert": self.cert, "cluster_cert_key": self.key, "plugins": "off",
                    "cluster_control_plane": f"127.0.0.1:{self.cp.port}", **conf}
        node = Node(self.temp, name or self.id().rsplit(".", 1)[1], **settings)
        self.nodes.append(node)
        return node

    def first_frames(self, **conf):
        """A started node, its connection, the upgrade's head, basic_info and the first ping."""
        node = self.node(**conf).start("proxy")
        wire, head = self.cp.accept()
        return node, wire, head, wire.frame(), wire.frame()

    def connected(self, **conf):
        """A started node and its connection, whose pings are answered."""
        node, wire, *_ = self.first_frames(**conf)
        return node, Watch(wire)

    def accept(self) -> Watch:
        wire, _ = self.cp.accept()
        return Watch(wire)

    def push(self, watch, config, config_hash) -> None:
        watch.wire.send(frame(BINARY, message(config, config_hash)))

    def wait_hash(self, watch, config_hash) -> None:
        wait_for(lambda: config_hash in watch.hashes, 20, f"a ping with {config_hash}")

    def serve(self, watch, name="kept", routes=1) -> None:
        """Pushes a configuration and waits until it serves."""
        self.push(watch, table(self.upstream.port, routes), name_hash(name))
        self.wait_hash(watch, name_hash(name))

    def test_says_who_it_is_and_then_pings(self):
        node, _, head, info, ping = self.first_frames(cluster_dp_labels="region:eu,env:test")
        self.assertEqual(self.cp.sni, "kong_clustering")
        lines = head.split("\r\n")
        self.assertRegex(lines[0], r"^GET /v1/outlet\?node_id=[0-9a-f-]{36}&node_hostname=[^&]+&node_version=3\.9\.3 HTTP/1\.1$")
        self.assertEqual([line.split(":")[0] for line in lines[1:6]], ["Upgrade", "Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Connection"])
        self.assertEqual(lines[2], f"Host: 127.0.0.1:{self.cp.port}")
        self.assertEqual((info["opcode"], info["fin"], info["masked"]), (BINARY, 1, 1))
        basic = json.loads(info["payload"])
        self.assertEqual(basic["type"], "basic_info")
        self.assertEqual(basic["labels"], {"region": "eu", "env": "test"})
        self.assertEqual(basic["filters"], {})
        self.assertNotIn(self.key, json.dumps(basic["process_conf"]))
        self.assertEqual((ping["opcode"], ping["masked"], ping["payload"].decode()), (PING, 1, ZEROS))
        self.assertEqual(node.status("/status/ready")[0], 503)
        self.assertEqual(node.proxy("/r0")[0], 404)

    def test_goes_on_when_nothing_is_said_for_a_while(self):
        node, watch = self.connected()
        self.serve(watch)
        time.sleep(6)  # longer than one read may take
        self.assertFalse(watch.is_closed)
        self.assertNotIn("broken", node.log())

    def test_serves_what_it_gets_and_tells_the_hash(self):
        node, watch = self.connected()
        self.push(watch, table(self.upstream.port), name_hash("one"))
        self.wait_hash(watch, name_hash("one"))
        self.assertEqual(node.proxy("/r0/x")[::2], (200, "upstream saw /x"))
        self.assertEqual(node.status("/status/ready")[0], 200)
        self.push(watch, table(self.upstream.port, 3), name_hash("two"))
        self.wait_hash(watch, name_hash("two"))
        self.assertEqual(node.proxy("/r2/x")[0], 200)

    def test_keeps_the_old_configuration_when_the_new_one_is_bad(self):
        node, watch = self.connected(log_level="notice")
        self.serve(watch, "good")
        good = message(table(self.upstream.port, 2), name_hash("bad"))
        bad_route = table(self.upstream.port)
        bad_route["routes"][0]["paths"] = ["no slash"]
        dangling = table(self.upstream.port)
        dangling["routes"][0]["service"] = name_hash("nobody")
        plugin = table(self.upstream.port, plugins=[{"id": "12dab06d-798a-453f-98c5-cd5066c8e845", "name": "nope", "enabled": True, "config": {}, "protocols": ["http"]}])
        entity = table(self.upstream.port, gizmos=[{"id": "x"}])
        bomb = gzip.compress(b'{"type":"reconfigure","config_table":{"a":"' + b"x" * 100_000_000 + b'"}}', 9)
        traffic = Traffic(node, "/r0/x")
        for name, payload, words in (
            ("truncated", good[: len(good) // 2], "truncated"),
            ("corrupt", good[:30] + b"\0" * 40 + good[70:], "corrupt"),
            ("not json", gzip.compress(b'{"type":"reconfigure",'), "malformed JSON"),
            ("array", gzip.compress(b"[1,2]"), "not a JSON object"),
            ("no table", gzip.compress(b'{"type":"reconfigure","config_hash":"' + b"1" * 32 + b'"}'), "no config_table"),
            ("schema", message(bad_route, name_hash("bad")), "paths"),
            ("reference", message(dangling, name_hash("bad")), "service"),
            ("plugin", message(plugin, name_hash("bad")), "nope"),
            ("entity", message(entity, name_hash("bad")), "gizmos"),
            ("bomb", bomb, "larger than allowed"),
        ):
            with self.subTest(name):
                before = node.log().count("unable to update running config")
                watch.wire.send(frame(BINARY, payload))
                wait_for(lambda: node.log().count("unable to update running config") > before, 30, f"the log line for {name}")
                self.assertIn(words, node.log().rsplit("unable to update running config", 1)[1])
                self.assertEqual(node.proxy("/r0/x")[0], 200)
        sent, bad = traffic.stop()
        self.assertEqual(bad, [])
        self.assertGreater(sent, 10)
        self.assertFalse(watch.is_closed)
        self.push(watch, table(self.upstream.port, 2), name_hash("better"))
        self.wait_hash(watch, name_hash("better"))
        self.assertEqual(node.proxy("/r1/x")[0], 200)

    def test_bombs_do_not_make_it_grow(self):
        node, watch = self.connected()
        self.serve(watch, "good")
        bomb = gzip.compress(b'{"type":"reconfigure","config_table":{"a":"' + b"x" * 100_000_000 + b'"}}', 9)
        for _ in range(3):
            before = node.log().count("larger than allowed")
            watch.wire.send(frame(BINARY, bomb))
            wait_for(lambda: node.log().count("larger than allowed") > before, 30, "the refusal")
        status = pathlib.Path(f"/proc/{node.workers()[0]}/status").read_text()
        self.assertLess(int(re.search(r"VmRSS:\s+(\d+)", status)[1]), 150_000)

    def test_goes_on_without_the_control_plane_and_after_a_restart(self):
        node, watch = self.connected()
        self.serve(watch, "kept")
        watch.wire.close()
        self.cp.close()
        self.assertEqual(node.proxy("/r0/x")[0], 200)
        node.kill()
        node.start("proxy")
        self.assertEqual(node.proxy("/r0/x")[0], 200)
        self.assertEqual(node.status("/status/ready")[0], 200)
        node.wait_log("TCP: cannot connect to 127.0.0.1")

    def test_puts_a_damaged_store_aside_and_says_so(self):
        node, watch = self.connected()
        self.serve(watch, "kept")
        data = node.prefix / "dbless.lmdb" / "data.mdb"
        wait_for(lambda: data.exists() and data.stat().st_size > 8192, 10, "the saved file")
        watch.wire.close()
        whole = None
        for damage in (lambda b: b[: len(b) // 2], lambda b: b[:100] + os.urandom(200) + b[300:], lambda b: b[:8192] + os.urandom(len(b) - 8192), lambda b: os.urandom(len(b)), lambda b: b""):
            node.stop()
            whole = whole or data.read_bytes()
            shutil.rmtree(data.parent)
            data.parent.mkdir()
            data.write_bytes(damage(whole))
            node.start("proxy")
            status = node.proxy("/r0/x")[0]
            self.assertIn(status, (404, 200))
            if status == 404:
                self.assertIn("it was put aside", node.log())
            watch = self.accept()
            self.push(watch, table(self.upstream.port), name_hash("kept"))
            wait_for(lambda: node.proxy("/r0/x")[0] == 200, 10, "the configuration from the control plane")
            watch.wire.close()

    def test_kill_during_saves_loses_nothing(self):
        node, watch = self.connected(name="kill_saves")
        for turn in range(6):
            for i in range(5):
                self.push(watch, table(self.upstream.port, 20 + i), name_hash(f"{turn}-{i}"))
            wait_for(lambda: node.proxy("/r0/x")[0] == 200, 10, "a configuration")
            node.kill()
            node.start("proxy")
            self.assertEqual(node.proxy("/r0/x")[0], 200)
            watch.wire.close()
            watch = self.accept()
            wait_for(lambda: watch.hashes, 10, "a ping")
            self.assertNotEqual(watch.hashes[0], ZEROS)

    def test_workers_that_are_killed_come_back_with_the_newest(self):
        node, watch = self.connected(nginx_worker_processes="2")
        config = table(self.upstream.port, 30)
        self.push(watch, config, name_hash("first"))
        self.wait_hash(watch, name_hash("first"))
        # The master starts with what is saved; what follows are changes of few rows.
        node.stop()
        node.start("proxy")
        watch = self.accept()
        serial = 0

        def change():
            nonlocal serial
            serial += 1
            config["routes"][3]["paths"] = [f"/n{serial}"]
            config["routes"][4:5] = [] if serial % 3 == 0 else [config["routes"][4]]
            self.push(watch, config, name_hash(f"n{serial}"))
            self.wait_hash(watch, name_hash(f"n{serial}"))

        def is_everywhere():
            return all(node.proxy(f"/n{serial}")[0] == 200 and node.proxy(f"/n{serial - 1}")[0] == 404 for _ in range(12))

        for _ in range(5):
            change()
            wait_for(is_everywhere, 10, "the change in both workers")
        for _ in range(2):
            for pid in node.workers():
                others = set(node.workers()) - {pid}
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: len(set(node.workers()) - {pid}) == 2, 10, f"another worker beside {others}")
                wait_for(is_everywhere, 10, "the newest in the worker that took over")
            # The link is a worker's: it may have been that of either.
            watch = self.accept()
            wait_for(lambda: watch.hashes, 10, "a ping")
            self.assertEqual(watch.hashes[0], name_hash(f"n{serial}"))
            for _ in range(3):
                change()
                wait_for(is_everywhere, 10, "a change after that")

    def test_survives_a_flapping_control_plane(self):
        node, watch = self.connected()
        self.serve(watch, "kept")
        traffic = Traffic(node, "/r0/x")
        watch.wire.close()
        for _ in range(3):
            raw = self.cp.accept_raw()
            raw.close()
        sent, bad = traffic.stop()
        self.assertEqual(bad, [])
        self.assertGreater(sent, 100)

    def test_names_what_is_wrong_with_the_certificate(self):
        self.cp.close()
        self.cp = FakeControlPlane(*self.other)
        node = self.node().start("proxy")
        try:
            self.cp.accept(5)
        except (OSError, Closed):
            pass
        node.wait_log("broken: TLS:")

    def test_takes_a_rotated_certificate_without_a_restart(self):
        cert, key = self.temp / "rotating.crt", self.temp / "rotating.key"
        shutil.copy(self.cert, cert)
        shutil.copy(self.key, key)
        node, watch = self.connected(cluster_cert=cert, cluster_cert_key=key)
        self.serve(watch, "kept")
        port = self.cp.port
        self.cp.close()
        self.cp = FakeControlPlane(*self.other, ca=self.other[0], port=port)
        shutil.copy(self.other[1], key)
        shutil.copy(self.other[0], cert)
        watch = self.accept()
        wait_for(lambda: watch.binaries, 10, "basic_info")
        self.assertEqual(node.proxy("/r0/x")[0], 200)

    def test_answers_no_one_dead(self):
        """A control plane that accepts and says nothing: traffic goes on, the link is given up."""
        node, watch = self.connected()
        self.serve(watch, "kept")
        watch.wire.send(frame(CLOSE))
        watch.wire.close()
        raw = self.cp.accept_raw()
        traffic = Traffic(node, "/r0/x")
        node.wait_log("broken: TLS:", 20)
        raw.close()
        self.assertEqual(traffic.stop()[1], [])

    def test_starts_from_the_fallback_copy(self):
        copy = self.temp / "shared" / "copy"
        copy.parent.mkdir(exist_ok=True)
        _, watch = self.connected(name="first", cluster_fallback_config_export="on", cluster_fallback_config_storage=f"file://{copy}")
        self.serve(watch, "kept")
        wait_for(copy.exists, 70, "the copy")
        self.assertNotIn(b"upstream", copy.read_bytes())
        watch.wire.close()
        self.cp.close()
        second = self.node("second", cluster_fallback_config_import="on", cluster_fallback_config_storage=f"file://{copy}").start("proxy")
        wait_for(lambda: second.proxy("/r0/x")[0] == 200, 15, "the fallback configuration")
        self.assertEqual(second.status("/status/ready")[0], 200)

    def test_shows_the_link_in_its_metrics(self):
        node, watch = self.connected(plugins="prometheus")
        self.serve(watch)
        status, _, text = node.status("/metrics")
        self.assertEqual(status, 200)
        self.assertIn("kong_control_plane_connected 1\n", text)
        self.assertIn('kong_data_plane_configurations_total{result="applied"} 1\n', text)
        self.assertRegex(text, r"kong_data_plane_cluster_cert_expiry_timestamp \d{10}\n")
        watch.wire.close()
        self.cp.close()
        wait_for(lambda: 'kong_control_plane_link_failures_total{stage="TCP"}' in node.status("/metrics")[2], 20, "a failure in the metrics")
        self.assertIn("kong_control_plane_connected 0\n", node.status("/metrics")[2])

    def test_keeps_the_fallback_copy_in_s3(self):
        store = FakeS3("AKIDEXAMPLE", "a secret/key+", "eu-central-1")
        self.addCleanup(store.close)
        settings = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "a secret/key+", "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL_S3": store.url}
        with unittest.mock.patch.dict(os.environ, settings):
            writer, watch = self.connected(name="s3_writer", cluster_fallback_config_export="on", cluster_fallback_config_storage="s3://bucket/some key/config")
            self.serve(watch)
            wait_for(lambda: store.objects or store.refused, 20, "the copy")
            self.assertEqual(store.refused, [], writer.log()[-1000:])
            self.assertEqual(list(store.objects), ["/bucket/some%20key/config"])
            watch.wire.close()
            self.cp.close()
            reader = self.node("s3_reader", cluster_fallback_config_import="on", cluster_fallback_config_storage="s3://bucket/some key/config").start("proxy")
            wait_for(lambda: reader.proxy("/r0/x")[0] == 200, 20, "the fallback configuration")

    def forward_proxy(self, context: ssl.SSLContext | None = None) -> tuple[int, list[str]]:
        """A proxy that opens one tunnel; with a context it is spoken to in TLS. Its port, and the heads it gets."""
        asked = []

        def tunnel():
            client, _ = listener.accept()
            if context:
                try:
                    client = context.wrap_socket(client, server_side=True)
                except OSError as error:
                    asked.append(str(error))
                    return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            asked.append(head.decode())
            host, port = head.split(b" ")[1].split(b":")
            server = socket.create_connection((host.decode(), int(port)))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

            def copy(a, b):
                try:
                    while data := a.recv(65536):
                        b.sendall(data)
                except OSError:
                    pass
            threading.Thread(target=copy, args=(client, server), daemon=True).start()
            copy(server, client)

        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        threading.Thread(target=tunnel, daemon=True).start()
        return listener.getsockname()[1], asked

    def test_goes_through_a_forward_proxy(self):
        port, asked = self.forward_proxy()
        node, watch = self.connected(cluster_use_proxy="on", proxy_server=f"http://me:p%40ss@127.0.0.1:{port}")
        self.serve(watch)
        lines = asked[0].split("\r\n")
        self.assertEqual(lines[0], f"CONNECT 127.0.0.1:{self.cp.port} HTTP/1.1")
        self.assertIn("Proxy-Authorization: Basic " + base64.b64encode(b"me:p@ss").decode(), lines)
        self.assertNotIn("p%40ss", node.log())

    def tls_proxy(self, name: str) -> tuple[int, list[str], str]:
        """forward_proxy in TLS, and the certificate that it shows."""
        cert, key = make_pair(self.temp, "proxy-" + self.id().rsplit(".", 1)[1], name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return *self.forward_proxy(context), cert

    def test_goes_through_a_forward_proxy_in_tls(self):
        port, asked, cert = self.tls_proxy("localhost")
        node, watch = self.connected(cluster_use_proxy="on", proxy_server=f"https://localhost:{port}", lua_ssl_trusted_certificate=cert)
        self.assertTrue(asked[0].startswith(f"CONNECT 127.0.0.1:{self.cp.port} HTTP/1.1\r\n"))
        self.push(watch, table(self.upstream.port, 10000), name_hash("large"))  # many records in both layers
        self.wait_hash(watch, name_hash("large"))
        self.assertEqual(node.proxy("/r9999/x")[0], 200)

    def test_verifies_a_forward_proxy_in_tls(self):
        port, _, _ = self.tls_proxy("localhost")
        node = self.node(cluster_use_proxy="on", proxy_server=f"https://localhost:{port}").start("proxy")
        node.wait_log("broken: proxy TLS: ")
        port, asked, _ = self.tls_proxy("other.test")
        self.connected(name="trusting", cluster_use_proxy="on", proxy_server=f"https://localhost:{port}", proxy_server_ssl_verify="off")
        self.assertTrue(asked[0].startswith("CONNECT "))

    def test_reports_errors_in_konnect_mode_only(self):
        _, watch = self.connected(konnect_mode="on")
        bad = table(self.upstream.port)
        bad["routes"][0]["paths"] = ["no slash"]
        self.push(watch, bad, name_hash("bad"))
        wait_for(lambda: watch.binaries, 10, "the report")
        report = json.loads(watch.binaries[0])
        self.assertEqual(report["type"], "error")
        self.assertEqual(report["error"]["name"], "declarative configuration parse failure")
        self.assertEqual(report["error"]["config_hash"], name_hash("bad"))
        self.assertEqual(report["error"]["code"], 14)

    def test_large_configuration_does_not_stall_traffic(self):
        node, watch = self.connected()
        self.push(watch, table(self.upstream.port, 10), name_hash("small"))
        self.wait_hash(watch, name_hash("small"))
        traffic = Traffic(node, "/r0/x")
        begin = time.monotonic()
        self.push(watch, table(self.upstream.port, 10000), name_hash("large"))
        self.wait_hash(watch, name_hash("large"))
        took = time.monotonic() - begin
        self.assertEqual(traffic.stop()[1], [])
        self.assertEqual(node.proxy("/r9999/x")[0], 200)
        changed = table(self.upstream.port, 10000)
        changed["routes"][5000]["paths"] = ["/changed"]
        self.push(watch, changed, name_hash("changed"))
        wait_for(lambda: node.proxy("/changed/x")[0] == 200, 5, "the changed route")
        self.assertLess(took, 15)


if __name__ == "__main__":
    unittest.main()
