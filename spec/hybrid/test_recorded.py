"""Sessions recorded from a real control plane and data plane, replayed: the kit with the recordings lies beside the project; without it these tests
say that they were skipped."""
import gzip
import json
import os
import pathlib
import shutil
import tempfile
import unittest

from node import ROOT, Node, wait_for
from wire import BINARY, PING, PONG, FakeControlPlane, FakeDataPlane, Watch, frame, make_pair

SHARED = pathlib.Path(os.environ.get("KGW_SHARED", ROOT.parent / "shared"))
HYBRID = SHARED / "conformance" / "hybrid"
ZEROS = "0" * 32


def session(name: str) -> list[dict]:
    return [json.loads(line) for line in (HYBRID / name).read_text().splitlines()]


def wire_bytes(event: dict) -> bytes:
    """The payload of a recorded frame as it was on the wire."""
    if "payload_file" in event:
        raw = HYBRID / (event["payload_file"] + ".raw")
        if raw.exists():
            return raw.read_bytes()
        # Large ones are kept as they were on the wire, under a name of their own.
        found = list(HYBRID.glob(event["payload_file"].split(".CPDP")[0] + ".*.gz"))
        return found[0].read_bytes() if found else None
    if "json" in event:
        return gzip.compress(json.dumps(event["json"]).encode(), 5)
    return event.get("text", "").encode()


@unittest.skipUnless(HYBRID.exists(), "no recordings beside the project")
class Recorded(unittest.TestCase):
    def setUp(self):
        self.temp = pathlib.Path(tempfile.mkdtemp(prefix="kgw-rec-"))
        self.addCleanup(shutil.rmtree, self.temp, ignore_errors=True)
        self.cert, self.key = make_pair(self.temp, "cluster", "kong_clustering")
        self.paths = f"{SHARED}/bench/plugins/?.lua;{SHARED}/conformance/plugins/?.lua;;"

    def data_plane(self, cp, **conf):
        node = Node(self.temp, "dp", role="data_plane", database="off", cluster_cert=self.cert, cluster_cert_key=self.key, plugins="bundled,trivial",
                    lua_package_path=self.paths, cluster_control_plane=f"127.0.0.1:{cp.port}", **conf).start("proxy")
        self.addCleanup(node.stop)
        return node

    def replay(self, name: str, conn: int = 1):
        """Sends what the recorded control plane sent on one connection; the recorded and the seen hashes of the data plane's pings."""
        cp = FakeControlPlane(self.cert, self.key)
        self.addCleanup(cp.close)
        node = self.data_plane(cp, cluster_dp_labels="region:eu,env:test")
        wire, head = cp.accept()
        basic = wire.frame()
        watch = Watch(wire)
        recorded = []
        for event in session(name):
            if event.get("conn") != conn or "op" not in event:
                continue
            if event["dir"] == "DP>CP" and event["op"] == "ping":
                recorded.append(event["text"])
                wait_for(lambda: recorded[-1] in watch.hashes, 20, f"the ping with {recorded[-1]}\n{node.log()[-1500:]}")
            elif event["dir"] == "CP>DP" and event["op"] == "binary":
                payload = wire_bytes(event)
                if payload is None:
                    break  # the recording says no more than its length
                wire.send(frame(BINARY, payload))
        self.addCleanup(wire.close)
        return node, head, basic, recorded, watch.hashes

    def test_the_first_frames(self):
        event = next(e for e in session("01-shared.jsonl") if "http_head" in e and e["dir"] == "DP>CP")
        recorded = json.loads((HYBRID / "first-frame-basic_info.json").read_text())
        self.maxDiff = None
        _, head, basic, _, hashes = self.replay("05-pki.jsonl")
        ours = json.loads(basic["payload"])

        def shape(text):
            lines = text.split("\r\n")
            return [line.split(":")[0] for line in lines[1:]], [pair.split("=")[0] for pair in lines[0].split("?")[1].split(" ")[0].split("&")]
        self.assertEqual(shape(head), shape(event["http_head"]))
        self.assertEqual(set(ours), set(recorded))
        self.assertEqual(ours["filters"], recorded["filters"])
        mine, theirs = ({p["name"]: p["version"] for p in info["plugins"] if p["name"] != "trivial"} for info in (ours, recorded))
        self.assertEqual({name: version for name, version in mine.items() if name in theirs}, {name: version for name, version in theirs.items() if name in mine})
        names = [p["name"] for p in ours["plugins"]]
        self.assertEqual(names, sorted(names, key=str.lower))
        self.assertEqual(hashes[0], ZEROS)

    def test_the_shared_session(self):
        _, _, _, recorded, seen = self.replay("01-shared.jsonl")
        distinct = [h for i, h in enumerate(recorded) if i == 0 or h != recorded[i - 1]]
        self.assertEqual([h for i, h in enumerate(seen) if i == 0 or h != seen[i - 1]], distinct)

    def test_ten_thousand_routes(self):
        node, _, _, recorded, seen = self.replay("06-10k-routes.jsonl")
        self.assertEqual(seen[-1], recorded[-1])
        self.assertEqual(node.status("/status/ready")[0], 200)

    def test_a_full_message_is_taken_and_given_again(self):
        """Every row of a recorded configuration, put into our control plane, comes out as it was."""
        recorded = json.loads((HYBRID / "reconfigure-full.json").read_text())["config_table"]
        cp = Node(self.temp, "cp", role="control_plane", cluster_cert=self.cert, cluster_cert_key=self.key, plugins="bundled,trivial", lua_package_path=self.paths).start("admin")
        self.addCleanup(cp.stop)
        order = ("ca_certificates", "certificates", "snis", "services", "routes", "consumers", "upstreams", "targets", "vaults", "plugins")
        for entity in order:
            for row in recorded.get(entity, []):
                body = {k: v for k, v in row.items() if v is not None and k not in ("created_at", "updated_at", "id")}
                for name in ("service", "route", "consumer", "certificate", "upstream", "client_certificate"):
                    if isinstance(body.get(name), str):
                        body[name] = {"id": body[name]}
                if entity == "targets":
                    status, _, text = cp.admin(f"/upstreams/{row['upstream']}/targets", "POST", {**body, "id": row["id"]})
                else:
                    status, _, text = cp.admin(f"/{entity}/{row['id']}", "PUT", body)
                self.assertIn(status, (200, 201), f"{entity}: {text}")
        names = json.loads((HYBRID / "first-frame-basic_info.json").read_text())["plugins"]
        names = [{**plugin, "version": "1.0.0"} if plugin["name"] == "trivial" else plugin for plugin in names]
        dp = FakeDataPlane(cp.ports["cluster"], self.cert, self.key, "?node_id=6b8d1b83-b62c-4571-88aa-6b26a8749bc2&node_hostname=x&node_version=3.9.3")
        self.addCleanup(dp.close)
        dp.hello(names)
        got = dp.frame()
        self.assertEqual(got["opcode"], BINARY, cp.log()[-1500:])
        table = json.loads(gzip.decompress(got["payload"]))["config_table"]

        def comparable(rows):
            return {row["id"]: {k: v for k, v in row.items() if k not in ("created_at", "updated_at")} for row in rows}
        for entity in order:
            self.assertEqual(comparable(table.get(entity, [])), comparable(recorded.get(entity, [])), entity)


if __name__ == "__main__":
    unittest.main()
