"""WebSocket and TLS by hand, for playing one side of the hybrid protocol: what is sent and seen is exact."""
import base64
import hashlib
import json
import os
import pathlib
import socket
import ssl
import struct
import subprocess
import threading

BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Closed(Exception):
    """The other side ended the connection."""


def frame(opcode: int, payload: bytes = b"", masked: bool = False, fin: bool = True) -> bytes:
    head = bytes([(0x80 if fin else 0) | opcode])
    flag = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65536:
        head += bytes([flag | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack("!Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


class Wire:
    """One connection: reads heads and frames, sends bytes."""

    def __init__(self, sock, timeout: float = 10):
        self.sock, self.pending, self.is_watched = sock, b"", False
        sock.settimeout(timeout)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def more(self) -> None:
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from error
        if not data:
            raise Closed("end of stream")
        self.pending += data

    def take(self, n: int) -> bytes:
        while len(self.pending) < n:
            self.more()
        taken, self.pending = self.pending[:n], self.pending[n:]
        return taken

    def head(self) -> str:
        while b"\r\n\r\n" not in self.pending:
            self.more()
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        return head.decode() + "\r\n\r\n"

    def frame(self) -> dict:
        """{"fin", "opcode", "masked", "payload"}"""
        first, second = self.take(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack("!H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self.take(8))[0]
        masked = bool(second & 0x80)
        mask = self.take(4) if masked else b""
        payload = self.take(length)
        if masked:
            key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
            payload = (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")
        return {"fin": first >> 7, "opcode": first & 15, "masked": int(masked), "payload": payload}

    def close(self) -> None:
        """Also when another thread reads: that thread then closes, so that a last TLS record cannot reach a reused descriptor."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if not self.is_watched:
            self.sock.close()


def accept_key(head: str) -> str:
    key = [line.split(":", 1)[1].strip() for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key:")][0]
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def make_pair(folder: pathlib.Path, name: str, common_name: str, issuer: str | None = None) -> tuple[str, str]:
    """A key and a certificate (self-signed, or by `issuer`, a name made before): paths."""
    folder.mkdir(parents=True, exist_ok=True)
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key)]
    names = ["-subj", f"/CN={common_name}"]
    if issuer is None:
        subprocess.run(["openssl", "req", "-x509", *curve, *names, "-days", "30", "-out", str(cert)], **quiet)
    else:
        request, extra = folder / f"{name}.csr", folder / f"{name}.ext"
        extra.write_text(f"subjectAltName=DNS:{common_name}\n")
        subprocess.run(["openssl", "req", *curve, *names, "-out", str(request)], **quiet)
        subprocess.run(["openssl", "x509", "-req", "-in", str(request), "-CA", str(folder / f"{issuer}.crt"), "-CAkey", str(folder / f"{issuer}.key"),
                        "-CAcreateserial", "-days", "30", "-extfile", str(extra), "-out", str(cert)], **quiet)
    return str(cert), str(key)


class Watch:
    """Reads a data plane's frames in a thread: answers pings, keeps the hashes they carry and the binary frames."""

    def __init__(self, wire: Wire):
        self.wire, self.hashes, self.binaries, self.is_closed = wire, [], [], False
        wire.sock.settimeout(None)
        wire.is_watched = True
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        try:
            while True:
                got = self.wire.frame()
                if got["opcode"] == PING:
                    self.hashes.append(got["payload"].decode())
                    self.wire.send(frame(PONG))
                elif got["opcode"] == BINARY:
                    self.binaries.append(got["payload"])
        except (Closed, OSError, ValueError):
            self.is_closed = True
        finally:
            self.wire.sock.close()


class FakeControlPlane:
    """Listens with TLS and hands out connections of data planes as Wire."""

    def __init__(self, cert: str, key: str, ca: str | None = None, port: int = 0):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        if ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(ca)
        self.sni = None
        self.context.sni_callback = lambda _, name, __: setattr(self, "sni", name)
        self.listener = socket.create_server(("127.0.0.1", port), backlog=16)
        self.port = self.listener.getsockname()[1]

    def accept_raw(self, timeout: float = 15) -> socket.socket:
        self.listener.settimeout(timeout)
        return self.listener.accept()[0]

    def accept(self, timeout: float = 15) -> tuple[Wire, str]:
        """A data plane after its upgrade request: the wire and the request's head. Answers 101."""
        wire = Wire(self.context.wrap_socket(self.accept_raw(timeout), server_side=True))
        head = wire.head()
        wire.send((f"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                   f"Sec-WebSocket-Accept: {accept_key(head)}\r\n\r\n").encode())
        return wire, head

    def close(self) -> None:
        self.listener.close()


class FakeDataPlane(Wire):
    """Connects to a control plane's cluster listener and upgrades. `status` is the answer's status, `answer` its head."""

    def __init__(self, port: int, cert: str | None, key: str | None, query: str, sni: str = "kong_clustering", path: str = "/v1/outlet"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if cert:
            context.load_cert_chain(cert, key)
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        super().__init__(context.wrap_socket(sock, server_hostname=sni))
        nonce = base64.b64encode(os.urandom(16)).decode()
        self.send((f"GET {path}{query} HTTP/1.1\r\nUpgrade: websocket\r\nHost: 127.0.0.1:{port}\r\nSec-WebSocket-Key: {nonce}\r\n"
                   f"Sec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n\r\n").encode())
        self.answer = self.head()
        self.status = int(self.answer.split(" ")[1])

    def send_frame(self, opcode: int, payload: bytes = b"") -> None:
        self.send(frame(opcode, payload, masked=True))

    def hello(self, plugins: list[dict], **more) -> None:
        self.send_frame(BINARY, json.dumps({"type": "basic_info", "plugins": plugins, **more}).encode())
