"""cluster_ocsp: the control plane asks the responder that a data plane's certificate names. `openssl ocsp` is the responder."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import uuid

from node import Node, free_port, wait_for
from wire import Closed, FakeDataPlane

QUIET = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Authority:
    """A root, an intermediate that signs data planes, and the responder that knows which of them are revoked."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.port, self.process = folder, free_port(), None
        self.serial, self.rows = 4096, []
        self.make("root", None, "basicConstraints=critical,CA:TRUE")
        self.make("middle", "root", "basicConstraints=critical,CA:TRUE")
        self.make("answers", "middle", "extendedKeyUsage=OCSPSigning")

    def path(self, name: str, kind: str = "crt") -> str:
        return str(self.folder / f"{name}.{kind}")

    def make(self, name: str, issuer: str | None, *extensions: str) -> tuple[str, str]:
        self.serial += 1
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.path(name, "key"), "-subj", f"/CN={name}.example.test"]
        (self.folder / f"{name}.ext").write_text("\n".join(extensions) + "\n")
        subprocess.run(["openssl", "req", *key, "-out", self.path(name, "csr")], **QUIET)
        signer = ["-CA", self.path(issuer), "-CAkey", self.path(issuer, "key")] if issuer else ["-signkey", self.path(name, "key")]
        subprocess.run(["openssl", "x509", "-req", "-in", self.path(name, "csr"), *signer, "-set_serial", str(self.serial), "-days", "30",
                        "-extfile", self.path(name, "ext"), "-out", self.path(name)], **QUIET)
        return self.path(name), self.path(name, "key")

    def data_plane(self, name: str, state: str | None, has_chain: bool = True, names_responder: bool = True) -> tuple[str, str]:
        """A pair for a data plane that the responder calls good (V), revoked (R) or does not know (None)."""
        more = [f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{self.port}/status"] if names_responder else []
        cert, key = self.make(name, "middle", f"subjectAltName=DNS:{name}.example.test", *more)
        if state:
            self.rows.append("\t".join([state, "491231235959Z", "240101000000Z" if state == "R" else "", f"{self.serial:X}", "unknown", f"/CN={name}.example.test"]))
        if has_chain:
            chain = pathlib.Path(self.path(name + "-chain"))
            chain.write_text(pathlib.Path(cert).read_text() + pathlib.Path(self.path("middle")).read_text())
            cert = str(chain)
        return cert, key

    def serve(self) -> None:
        (self.folder / "index.txt").write_text("".join(row + "\n" for row in self.rows))
        self.process = subprocess.Popen(["openssl", "ocsp", "-port", str(self.port), "-index", str(self.folder / "index.txt"), "-CA", self.path("middle"),
                                         "-rsigner", self.path("answers"), "-rkey", self.path("answers", "key"), "-nmin", "5"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.process.stderr.readline()  # it waits for clients now

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None


class Ocsp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = pathlib.Path(tempfile.mkdtemp(prefix="kgw-ocsp-"))
        cls.authority = authority = Authority(cls.temp)
        cls.good, cls.revoked, cls.unknown = (authority.data_plane(name, state) for name, state in (("good", "V"), ("revoked", "R"), ("unknown", None)))
        cls.leaf_only = authority.data_plane("leaf", "V", has_chain=False)
        cls.silent = authority.data_plane("silent", "V", names_responder=False)
        cls.own = authority.make("control", "middle", "subjectAltName=DNS:control.example.test")
        authority.serve()

    @classmethod
    def tearDownClass(cls):
        cls.authority.stop()
        shutil.rmtree(cls.temp, ignore_errors=True)

    def control_plane(self, name: str, ocsp: str, ca: str = "root") -> Node:
        node = Node(self.temp, name, role="control_plane", cluster_cert=self.own[0], cluster_cert_key=self.own[1], cluster_mtls="pki",
                    cluster_ca_cert=self.authority.path(ca), cluster_ocsp=ocsp, plugins="off").start("admin")
        self.addCleanup(node.stop)
        return node

    def connects(self, node: Node, pair: tuple[str, str]) -> bool:
        """Whether the control plane takes a data plane with that pair; otherwise it hangs up."""
        try:
            data_plane = FakeDataPlane(node.ports["cluster"], *pair, f"?node_id={uuid.uuid4()}&node_hostname=x&node_version=3.9.3")
        except (Closed, OSError):
            return False
        data_plane.close()
        self.assertEqual(data_plane.status, 101)
        return True

    def test_on_refuses_what_is_not_known_to_be_good(self):
        node = self.control_plane("on", "on")
        self.assertTrue(self.connects(node, self.good))
        self.assertFalse(self.connects(node, self.revoked))
        node.wait_log('data plane client certificate was revoked: certificate status "revoked" in the OCSP response')
        self.assertFalse(self.connects(node, self.unknown))
        node.wait_log('revocation check failed: failed to validate OCSP response: certificate status "unknown"')
        self.assertFalse(self.connects(node, self.silent))
        node.wait_log("revocation check failed: ocsp responder endpoint can not be determined")

    def test_optional_refuses_only_what_was_revoked(self):
        node = self.control_plane("optional", "optional")
        self.assertTrue(self.connects(node, self.good))
        self.assertFalse(self.connects(node, self.revoked))
        self.assertTrue(self.connects(node, self.unknown))
        self.assertTrue(self.connects(node, self.silent))
        self.assertIn("[warn]", next(line for line in node.log().splitlines() if "revocation check failed" in line))

    def test_off_asks_nobody(self):
        self.assertTrue(self.connects(self.control_plane("off", "off"), self.revoked))

    def test_the_issuer_may_come_from_the_authorities(self):
        both = pathlib.Path(self.authority.path("both"))
        both.write_text(pathlib.Path(self.authority.path("root")).read_text() + pathlib.Path(self.authority.path("middle")).read_text())
        self.assertTrue(self.connects(self.control_plane("bundle", "on", "both"), self.leaf_only))

    def test_a_responder_that_is_away(self):
        strict, lenient = self.control_plane("strict", "on"), self.control_plane("lenient", "optional")
        self.authority.stop()
        try:
            self.assertFalse(self.connects(strict, self.good))
            strict.wait_log("revocation check failed: failed sending request to OCSP responder")
            self.assertTrue(self.connects(lenient, self.good))
        finally:
            self.authority.serve()
        wait_for(lambda: self.connects(strict, self.good), 10, "the responder")


if __name__ == "__main__":
    unittest.main()
