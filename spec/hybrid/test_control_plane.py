"""The control plane against data planes that are played by hand, and with real ones of ours."""
import gzip
import json
import pathlib
import shutil
import tempfile
import time
import unittest
import uuid

from node import Node, wait_for
from upstream import Traffic, Upstream
from wire import BINARY, CLOSE, PING, PONG, Closed, FakeDataPlane, make_pair

ZEROS = "0" * 32
PLUGINS = [{"name": name, "version": "3.9.3"} for name in ("key-auth", "rate-limiting", "correlation-id", "cors")]


class ControlPlane(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = pathlib.Path(tempfile.mkdtemp(prefix="kgw-cp-"))
        cls.cert, cls.key = make_pair(cls.temp, "cluster", "kong_clustering")
        cls.other = make_pair(cls.temp, "other", "kong_clustering")
        cls.upstream = Upstream()
        cls.cp = Node(cls.temp, "cp", role="control_plane", cluster_cert=cls.cert, cluster_cert_key=cls.key, plugins="key-auth,rate-limiting,correlation-id,cors").start("admin")

    @classmethod
    def tearDownClass(cls):
        cls.cp.stop()
        cls.upstream.close()
        shutil.rmtree(cls.temp, ignore_errors=True)

    def tearDown(self):
        for entity in ("plugins", "routes", "services", "consumers", "upstreams"):
            for row in json.loads(self.cp.admin(f"/{entity}")[2])["data"]:
                self.cp.admin(f"/{entity}/{row['id']}", "DELETE")

    def create(self, path: str, **body) -> dict:
        status, _, text = self.cp.admin(path, "POST", body)
        self.assertEqual(status, 201, text)
        return json.loads(text)

    def data_plane(self, version="3.9.3", node_id=None, pair=None, **more) -> FakeDataPlane:
        cert, key = pair or (self.cert, self.key)
        query = f"?node_id={node_id or uuid.uuid4()}&node_hostname=fake&node_version={version}"
        return FakeDataPlane(self.cp.ports["cluster"], cert, key, **{"query": query, **more})

    def next_config(self, dp, until=lambda table: True) -> dict:
        """The next push whose table is as wanted; what an earlier test changed may be pushed before."""
        while True:
            got = dp.frame()
            if got["opcode"] == BINARY:
                self.assertEqual(got["masked"], 0)
                self.assertEqual(got["payload"][:3], b"\x1f\x8b\x08")
                message = json.loads(gzip.decompress(got["payload"]))
                if until(message["config_table"]):
                    return message

    def next_pong(self, dp) -> bytes:
        """The payload of the next pong; a push may come before it."""
        while True:
            got = dp.frame()
            if got["opcode"] == PONG:
                return got["payload"]
            self.assertEqual(got["opcode"], BINARY)

    def record(self, node_id: str) -> dict | None:
        rows = json.loads(self.cp.admin("/clustering/data-planes")[2])["data"]
        return next((row for row in rows if row["id"] == node_id), None)

    def assert_closed(self, dp, with_frame: bool) -> None:
        """The connection ends, with or without a close frame (which has no code)."""
        try:
            while True:
                got = dp.frame()
                if got["opcode"] == CLOSE:
                    self.assertTrue(with_frame, "a close frame came")
                    self.assertEqual(got["payload"], b"")
                    return
        except (Closed, OSError) as error:
            self.assertFalse(with_frame, f"no close frame: {error}")

    def test_answers_the_upgrade_and_pushes_at_once(self):
        self.create("/services", name="s", url=f"http://127.0.0.1:{self.upstream.port}")
        dp = self.data_plane()
        self.assertEqual(dp.status, 101)
        names = [line.split(":")[0] for line in dp.answer.split("\r\n")[1:5]]
        self.assertEqual(names, ["Date", "Connection", "Upgrade", "Sec-WebSocket-Accept"])
        dp.hello(PLUGINS)
        message = self.next_config(dp)
        self.assertEqual(set(message), {"type", "timestamp", "config_table", "config_hash", "hashes"})
        self.assertEqual(message["type"], "reconfigure")
        table = message["config_table"]
        self.assertEqual((table["_format_version"], table["_transform"]), ("3.0", False))
        self.assertEqual([row["name"] for row in table["services"]], ["s"])
        self.assertIsNone(table["services"][0]["path"])
        self.assertEqual(table["workspaces"][0]["name"], "default")
        self.assertEqual(message["hashes"]["config"], message["config_hash"])
        self.assertEqual(message["hashes"]["routes"], ZEROS)
        dp.close()

    def test_answers_pings_with_empty_pongs(self):
        dp = self.data_plane()
        dp.hello(PLUGINS)
        self.next_config(dp)
        dp.send_frame(PING, b"a" * 32)
        self.assertEqual(self.next_pong(dp), b"")
        dp.close()

    def test_goes_on_when_nothing_is_said_for_a_while(self):
        dp = self.data_plane()
        dp.hello(PLUGINS)
        self.next_config(dp)
        time.sleep(6)  # longer than one read may take
        dp.send_frame(PING, b"a" * 32)
        self.next_pong(dp)
        dp.close()

    def test_pushes_each_change(self):
        dp = self.data_plane()
        dp.hello(PLUGINS)
        first = self.next_config(dp)
        begin = time.monotonic()
        service = self.create("/services", name="s", url="http://127.0.0.1:1")
        second = self.next_config(dp, lambda table: "services" in table)
        self.assertLess(time.monotonic() - begin, 1)
        self.assertNotEqual(first["config_hash"], second["config_hash"])
        route = self.create("/services/s/routes", name="r", paths=["/r"])
        third = self.next_config(dp, lambda table: "routes" in table)
        self.assertEqual(third["config_table"]["routes"][0]["service"], service["id"])
        self.assertEqual(third["hashes"]["services"], second["hashes"]["services"])
        self.cp.admin(f"/routes/{route['id']}", "DELETE")
        self.next_config(dp, lambda table: "routes" not in table)
        dp.close()

    def test_references_to_secrets_stay_references(self):
        """Data planes resolve them; a change of something else does not write the secret, or what stands for a missing one."""
        dp = self.data_plane()
        dp.hello(PLUGINS)
        redis = {"host": "127.0.0.1", "password": "{vault://env/kgw-no-such-secret}", "username": "{vault://env/path}"}
        made = self.create("/plugins", name="rate-limiting", config={"minute": 5, "policy": "redis", "redis": redis})

        def pushed(tags):
            table = self.next_config(dp, lambda table: any(row["tags"] == tags for row in table.get("plugins", [])))["config_table"]
            return table["plugins"][0]["config"]

        config = pushed(None)
        self.assertEqual({name: config["redis"][name] for name in redis}, redis)
        self.assertNotIn("$refs", config["redis"])
        status, _, text = self.cp.admin(f"/plugins/{made['id']}", "PATCH", {"tags": ["t"]})
        self.assertEqual(status, 200, text)
        self.assertEqual({name: json.loads(text)["config"]["redis"][name] for name in redis}, redis)
        self.assertEqual(pushed(["t"]), config)
        dp.close()

    def test_empty_lists_are_lists(self):
        dp = self.data_plane()
        dp.hello(PLUGINS)
        self.create("/services", name="s", url="http://127.0.0.1:1", tags=[])
        self.assertEqual(self.next_config(dp, lambda table: table.get("services"))["config_table"]["services"][0]["tags"], [])
        dp.close()

    def test_leaves_out_what_is_switched_off(self):
        self.create("/services", name="on", url="http://127.0.0.1:1")
        self.create("/services", name="off", url="http://127.0.0.1:1", enabled=False)
        self.create("/services/off/routes", name="r", paths=["/r"])
        self.create("/services/off/plugins", name="cors")
        self.create("/plugins", name="correlation-id", enabled=False)
        dp = self.data_plane()
        dp.hello(PLUGINS)
        table = self.next_config(dp)["config_table"]
        self.assertEqual([row["name"] for row in table["services"]], ["on"])
        self.assertNotIn("routes", table)
        self.assertNotIn("plugins", table)
        dp.close()

    def test_refuses_versions_it_cannot_serve(self):
        for version in ("3.10.0", "2.8.5", "4.0.0", "abc"):
            with self.subTest(version):
                node_id = str(uuid.uuid4())
                dp = self.data_plane(version, node_id)
                self.assertEqual(dp.status, 101)
                dp.hello(PLUGINS)
                self.assert_closed(dp, with_frame=True)
                self.assertEqual(self.record(node_id)["sync_status"], "kong_version_incompatible")

    def test_rewrites_for_older_versions(self):
        self.create("/plugins", name="key-auth")
        self.create("/plugins", name="rate-limiting", config={"minute": 5, "policy": "local"})
        shown = {}
        for version in ("3.9.3", "3.4.2", "3.0.0"):
            dp = self.data_plane(version)
            dp.hello([{"name": p["name"], "version": version} for p in PLUGINS])
            message = self.next_config(dp)
            shown[version] = {plugin["name"]: plugin for plugin in message["config_table"]["plugins"]}, message["config_hash"]
            dp.close()
        self.assertIn("realm", shown["3.9.3"][0]["key-auth"]["config"])
        self.assertNotIn("realm", shown["3.4.2"][0]["key-auth"]["config"])
        self.assertIn("error_code", shown["3.4.2"][0]["rate-limiting"]["config"])
        self.assertNotIn("error_code", shown["3.0.0"][0]["rate-limiting"]["config"])
        self.assertNotIn("instance_name", shown["3.0.0"][0]["rate-limiting"])
        self.assertNotIn("updated_at", shown["3.0.0"][0]["rate-limiting"])
        self.assertEqual(len({hash for _, hash in shown.values()}), 1)

    def test_sends_nothing_to_a_data_plane_that_lacks_a_configured_plugin(self):
        self.create("/plugins", name="cors")
        for plugins, status in (
            ([p for p in PLUGINS if p["name"] != "cors"], "plugin_set_incompatible"),
            ([], "plugin_set_incompatible"),
            ([{**p, "version": "3.10.0"} for p in PLUGINS], "plugin_version_incompatible"),
        ):
            with self.subTest(status):
                node_id = str(uuid.uuid4())
                dp = self.data_plane(node_id=node_id)
                dp.hello(plugins)
                dp.send_frame(PING, ZEROS.encode())
                self.next_pong(dp)
                wait_for(lambda: self.record(node_id)["sync_status"] == status, 5, status)
                dp.close()

    def test_closes_on_what_it_does_not_understand(self):
        for name, opcode, payload, with_frame in (
            ("not json", BINARY, b"hello", True),
            ("wrong type", BINARY, b'{"type":"other","plugins":[]}', True),
            ("no plugins", BINARY, b'{"type":"basic_info"}', True),
            ("ping first", PING, ZEROS.encode(), False),
        ):
            with self.subTest(name):
                dp = self.data_plane()
                dp.send_frame(opcode, payload)
                self.assert_closed(dp, with_frame)
        dp = self.data_plane()
        dp.hello(PLUGINS)
        self.next_config(dp)
        dp.send_frame(PING, b"short")
        self.assert_closed(dp, with_frame=True)

    def test_refuses_wrong_requests(self):
        for name, more, status in (
            ("no version", {"query": f"?node_id={uuid.uuid4()}&node_hostname=x"}, 400),
            ("no id", {"query": "?node_hostname=x&node_version=3.9.3"}, 400),
            ("other path", {"path": "/v1/nope"}, 404),
        ):
            with self.subTest(name):
                dp = self.data_plane(**more)
                self.assertEqual(dp.status, status)
                dp.close()

    def test_refuses_wrong_certificates(self):
        for pair in (self.other, (None, None)):
            with self.assertRaises((Closed, OSError)):
                self.data_plane(pair=pair)

    def test_keeps_a_record_of_each_data_plane(self):
        node_id = str(uuid.uuid4())
        dp = self.data_plane(node_id=node_id)
        dp.hello(PLUGINS, labels={"region": "eu"})
        self.next_config(dp)
        dp.send_frame(PING, b"b" * 32)
        self.next_pong(dp)
        row = self.record(node_id)
        self.assertEqual((row["config_hash"], row["hostname"], row["ip"], row["version"], row["sync_status"], row["labels"]),
                         ("b" * 32, "fake", "127.0.0.1", "3.9.3", "normal", {"region": "eu"}))
        self.assertGreater(row["cert_details"]["expiry_timestamp"], time.time())
        status = json.loads(self.cp.admin("/clustering/status")[2])
        self.assertEqual(set(status[node_id]), {"config_hash", "hostname", "ip", "last_seen"})
        dp.close()

    def test_credentials_that_end_by_themselves(self):
        self.create("/consumers", username="alice")
        made = self.create("/consumers/alice/key-auth", key="k1", ttl=60)
        self.assertIn(made["ttl"], (59, 60))
        status, _, text = self.cp.admin(f"/consumers/alice/key-auth/{made['id']}", "PATCH", {"tags": ["t"]})
        self.assertEqual(status, 200, text)
        self.assertEqual(json.loads(text)["tags"], ["t"])
        self.assertIn(json.loads(text)["ttl"], (59, 60))
        dp = self.data_plane()
        dp.hello(PLUGINS)
        row = self.next_config(dp)["config_table"]["keyauth_credentials"][0]
        self.assertAlmostEqual(row["ttl"], time.time() + 60, delta=3)
        dp.close()

    def test_its_data_survives_kill_and_restart(self):
        for i in range(20):
            self.create("/services", name=f"s{i}", url="http://127.0.0.1:1")
        self.cp.kill()
        self.cp.start("admin")
        names = {row["name"] for row in json.loads(self.cp.admin("/services?size=100")[2])["data"]}
        self.assertEqual(names, {f"s{i}" for i in range(20)})

    def test_serves_a_real_data_plane_in_the_story(self):
        dp = Node(self.temp, "real", role="data_plane", database="off", cluster_cert=self.cert, cluster_cert_key=self.key, plugins="key-auth,rate-limiting,correlation-id,cors",
                  cluster_control_plane=f"127.0.0.1:{self.cp.ports['cluster']}").start("proxy")
        try:
            self.assertEqual(dp.proxy("/")[0], 404)
            self.create("/services", name="gateway_service1", url=f"http://127.0.0.1:{self.upstream.port}")
            self.create("/services/gateway_service1/routes", name="route1", paths=["/route1"])
            wait_for(lambda: dp.proxy("/route1/get")[0] == 200, 5, "the route")
            self.create("/routes/route1/plugins", name="rate-limiting", config={"minute": 3, "policy": "local"})
            status, headers, _ = wait_for(lambda: (lambda a: "ratelimit-limit" in a[1] and a)(dp.proxy("/route1/get")), 5, "the limit")
            self.assertEqual((status, headers["ratelimit-limit"], headers["x-ratelimit-limit-minute"]), (200, "3", "3"))
            answers = [dp.proxy("/route1/get") for _ in range(4)]
            self.assertEqual(answers[-1][0], 429)
            self.assertIn("API rate limit exceeded", answers[-1][2])
            self.assertIn("retry-after", answers[-1][1])
            row = wait_for(lambda: next(iter([r for r in json.loads(self.cp.admin("/clustering/data-planes")[2])["data"] if r["hostname"] != "fake"]), None), 5, "the record")
            self.assertEqual(row["sync_status"], "normal")
        finally:
            dp.stop()

    def test_a_restart_of_the_control_plane_does_not_touch_traffic(self):
        dp = Node(self.temp, "steady", role="data_plane", database="off", cluster_cert=self.cert, cluster_cert_key=self.key, plugins="key-auth,rate-limiting,correlation-id,cors",
                  cluster_control_plane=f"127.0.0.1:{self.cp.ports['cluster']}").start("proxy")
        try:
            self.create("/services", name="s", url=f"http://127.0.0.1:{self.upstream.port}")
            self.create("/services/s/routes", name="r", paths=["/r"])
            wait_for(lambda: dp.proxy("/r")[0] == 200, 5, "the route")
            traffic = Traffic(dp, "/r")
            self.cp.kill()
            self.cp.start("admin")
            self.create("/services/s/routes", name="r2", paths=["/second"])
            wait_for(lambda: dp.proxy("/second")[0] == 200, 20, "a change after the restart")
            self.assertEqual(traffic.stop()[1], [])
        finally:
            dp.stop()


class Pki(unittest.TestCase):
    def test_certificates_of_one_authority(self):
        temp = pathlib.Path(tempfile.mkdtemp(prefix="kgw-pki-"))
        self.addCleanup(shutil.rmtree, temp, ignore_errors=True)
        ca, _ = make_pair(temp, "ca", "Test CA")
        cp_pair = make_pair(temp, "cp", "cp.example.test", "ca")
        dp_pair = make_pair(temp, "dp", "dp.example.test", "ca")
        stranger = make_pair(temp, "stranger", "dp.example.test")
        conf = {"cluster_mtls": "pki", "cluster_ca_cert": ca, "plugins": "off"}
        cp = Node(temp, "control", role="control_plane", cluster_cert=cp_pair[0], cluster_cert_key=cp_pair[1], **conf).start("admin")
        self.addCleanup(cp.stop)
        dp = Node(temp, "data", role="data_plane", database="off", cluster_cert=dp_pair[0], cluster_cert_key=dp_pair[1], cluster_server_name="cp.example.test",
                  cluster_control_plane=f"127.0.0.1:{cp.ports['cluster']}", **conf).start("proxy")
        self.addCleanup(dp.stop)
        wait_for(lambda: json.loads(cp.admin("/clustering/data-planes")[2])["data"], 10, "the data plane")
        query = f"?node_id={uuid.uuid4()}&node_hostname=x&node_version=3.9.3"
        for pair, text in (((None, None), "No required SSL certificate was sent"), (stranger, "The SSL certificate error")):
            refused = FakeDataPlane(cp.ports["cluster"], *pair, query)
            self.assertEqual(refused.status, 400)
            self.assertIn(text, refused.pending.decode() or refused.take(60).decode())
            refused.close()


if __name__ == "__main__":
    unittest.main()
