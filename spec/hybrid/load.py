"""Measured load for tests: a layer 4 balancer with an upstream behind it (`load.py balancer`), and clients that send at a given rate and count
every failure (`load.py clients PORT RATE`). Each is a process of its own, told what to do on stdin; Balancer and Clients start and steer them."""
import asyncio
import collections
import json
import random
import subprocess
import sys
import time
import zlib

ANSWER_S = 15     # a request that takes longer has failed
STEADY, LAZY = 24, 48
MAX_IN_FLIGHT = 256
TICK_S = 0.004


# The upstream ----------------------------------------------------------------------------------------------------------


def split_head(data: bytes):
    """(lines of the head, rest), or None while it is incomplete."""
    end = data.find(b"\r\n\r\n")
    return None if end < 0 else (data[:end].decode("latin-1").split("\r\n"), data[end + 4:])


def header(lines: list[str], name: str) -> str:
    return next((line.split(":", 1)[1].strip() for line in lines[1:] if line.lower().startswith(name + ":")), "")


class Upstream(asyncio.Protocol):
    """Answers every request with its method, path and the length and checksum of its body."""

    def connection_made(self, transport):
        self.transport, self.data, self.head, self.want = transport, b"", None, 0

    def data_received(self, data):
        self.data += data
        while True:
            if self.head is None:
                split = split_head(self.data)
                if not split:
                    return
                self.head, self.data = split
                self.want = int(header(self.head, "content-length") or 0)
            if len(self.data) < self.want:
                return
            body, self.data = self.data[:self.want], self.data[self.want:]
            method, path = self.head[0].split(" ")[:2]
            self.head = None
            text = f"{method} {path} {len(body)} {zlib.crc32(body)}".encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


# The balancer ----------------------------------------------------------------------------------------------------------


class Half(asyncio.Protocol):
    """One side of a forwarded connection; bytes and the end of the stream go to the other side."""

    def __init__(self, balancer):
        self.balancer, self.peer, self.transport, self.waiting, self.has_ended = balancer, None, None, [], False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.peer:
            self.peer.transport.write(data)
        else:
            self.waiting.append(data)

    def eof_received(self):
        self.has_ended = True
        if self.peer and not self.peer.transport.is_closing():
            self.peer.transport.write_eof()
        return True

    def pause_writing(self):
        self.peer.transport.pause_reading()

    def resume_writing(self):
        self.peer.transport.resume_reading()

    def connection_lost(self, error):
        if self.peer and not self.peer.transport.is_closing():
            if error:
                self.peer.transport.abort()
            elif self.peer.has_ended or self.has_ended:
                self.peer.transport.close()


class Front(Half):
    """The client's side: takes the next registered target, as a network load balancer does, and never tries another one."""

    def connection_made(self, transport):
        super().connection_made(transport)
        asyncio.get_running_loop().create_task(self.forward())

    async def forward(self):
        port = self.balancer.next_target()
        try:
            _, back = await asyncio.get_running_loop().create_connection(lambda: Half(self.balancer), "127.0.0.1", port or 1)
        except OSError as error:
            self.balancer.refused.append((port, str(error)))
            self.transport.abort()
            return
        self.balancer.open[port] += 1
        back.peer, self.peer = self, back
        for data in self.waiting:
            back.transport.write(data)
        if self.has_ended:
            back.transport.write_eof()
        if self.transport.is_closing():
            back.transport.close()


class BalancerProcess:
    def __init__(self):
        self.targets, self.turn, self.refused, self.open = [], 0, [], collections.Counter()

    def next_target(self):
        self.turn += 1
        return self.targets[self.turn % len(self.targets)] if self.targets else None

    async def run(self):
        loop = asyncio.get_running_loop()
        upstream = await loop.create_server(Upstream, "127.0.0.1", 0, backlog=512)
        front = await loop.create_server(lambda: Front(self), "127.0.0.1", 0, backlog=512)
        say({"port": front.sockets[0].getsockname()[1], "upstream": upstream.sockets[0].getsockname()[1]})
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            order, port = line.split()
            if order == "add":
                self.targets.append(int(port))
            else:
                self.targets.remove(int(port))
            say({"refused": self.refused, "taken": self.open[int(port)]})


# The clients -----------------------------------------------------------------------------------------------------------


class Client(asyncio.Protocol):
    """One connection that carries one request at a time. `answer` is a future of (status, text, closes)."""

    def __init__(self):
        self.transport, self.data, self.answer, self.is_open = None, b"", None, True

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data
        split = split_head(self.data)
        if not split or self.answer is None or self.answer.done():
            return
        head, rest = split
        if len(rest) >= int(header(head, "content-length") or 0):
            self.data = b""
            self.answer.set_result((int(head[0].split(" ")[1]), rest.decode("latin-1"), header(head, "connection").lower() == "close"))

    def connection_lost(self, error):
        self.is_open = False
        if self.answer and not self.answer.done():
            self.answer.set_exception(error or ConnectionError(f"closed after {len(self.data)} bytes of the answer"))


class ClientsProcess:
    """Requests at an even pace: a third on new connections, the rest on kept ones, of which some (lazy) rest for seconds between requests."""

    def __init__(self, port: int, rate: float):
        self.port, self.rate, self.failures, self.done, self.cnt = port, rate, [], 0, 0
        self.kinds = collections.Counter()
        self.in_flight = 0
        self.steady, self.lazy = collections.deque(), []
        self.blob = random.Random(1).randbytes(200000)

    async def connect(self):
        _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", self.port)
        return client

    def compose(self, number: int):
        """Pieces to send and the text that the upstream must answer."""
        path = f"/r0/{number}"
        if number % 3:
            return [f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode()], f"GET /{number} 0 0"
        size = random.choice((1, 100, 1000, 1000, 20000, 100000))
        body = self.blob[number % 1000:number % 1000 + size]
        head = f"POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {size}\r\n\r\n".encode()
        pieces = [head + body] if number % 2 else [head, body[:size // 2], body[size // 2:]]
        return pieces, f"POST /{number} {size} {zlib.crc32(body)}"

    async def exchange(self, client: Client, kind: str):
        """One request; False when the connection is not to be used again."""
        self.cnt += 1
        pieces, wanted = self.compose(self.cnt)
        client.answer = asyncio.get_running_loop().create_future()
        if not client.is_open:
            client.answer.set_exception(ConnectionError("closed before the request"))
        for piece in pieces:
            client.transport.write(piece)
            if len(pieces) > 1:
                await asyncio.sleep(0)
        status, text, closes = await asyncio.wait_for(client.answer, ANSWER_S)
        if status != 200 or text != wanted:
            self.failures.append((kind, status, text[:200]))
        self.done += 1
        self.kinds[kind] += 1
        return client.is_open and not closes

    async def request(self, kind: str, client=None):
        """A request on a new or kept connection; what is kept goes back to its pool. Any exception is a failed request."""
        self.in_flight += 1
        kept = None
        try:
            if client is None or not client.is_open:  # the end of an idle connection was seen in time
                client = await self.connect()
            if await self.exchange(client, kind) and kind != "new":
                kept = client
            else:
                client.transport.close()
        except (OSError, asyncio.TimeoutError) as error:
            self.failures.append((kind, repr(error)))
        finally:
            self.in_flight -= 1
        if kind == "lazy":
            self.lazy.append((time.monotonic() + random.uniform(0.05, 3), kept))
        elif kept:
            self.steady.append(kept)

    def start_one(self, loop, turn: int):
        now = time.monotonic()
        ripe = next((i for i, (at, _) in enumerate(self.lazy) if at <= now), None)
        if ripe is not None:
            loop.create_task(self.request("lazy", self.lazy.pop(ripe)[1]))
        elif turn % 3 == 0:
            loop.create_task(self.request("new"))
        else:
            loop.create_task(self.request("steady", self.steady.popleft() if len(self.steady) >= STEADY else None))

    async def run(self):
        loop = asyncio.get_running_loop()
        ended = loop.run_in_executor(None, sys.stdin.read)
        for _ in range(LAZY):
            await self.request("lazy")
        began, started, skipped = time.monotonic(), 0, 0
        while not ended.done():
            due = int((time.monotonic() - began) * self.rate) - started - skipped
            for _ in range(due):
                if self.in_flight >= MAX_IN_FLIGHT:
                    skipped += 1  # the machine is too slow; what cannot be sent in time is not sent later
                else:
                    started += 1
                    self.start_one(loop, started)
            await asyncio.sleep(TICK_S)
        seconds = time.monotonic() - began
        while self.in_flight:
            await asyncio.sleep(TICK_S)
        say({"requests": self.cnt, "answered": self.done, "per_second": round(started / seconds), "kinds": self.kinds, "failures": self.failures})


# Steering --------------------------------------------------------------------------------------------------------------


def say(what):
    print(json.dumps(what), flush=True)


class Process:
    def __init__(self, *args):
        self.process = subprocess.Popen([sys.executable, __file__, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hear(self) -> dict:
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class Balancer(Process):
    """`port` takes clients; `upstream` is the port of an upstream in the same process."""

    def __init__(self):
        super().__init__("balancer")
        self.port, self.upstream = self.hear().values()

    def order(self, what: str, port: int) -> dict:
        self.process.stdin.write(f"{what} {port}\n")
        self.process.stdin.flush()
        return self.hear()

    def add(self, port: int) -> dict:
        """New connections may go to the target from now on."""
        return self.order("add", port)

    def remove(self, port: int) -> dict:
        """No new connection goes to the target; what is open stays. {"refused": targets that did not take a connection, "taken": how many it took}"""
        return self.order("remove", port)


class Clients(Process):
    def __init__(self, port: int, rate: float):
        super().__init__("clients", port, rate)

    def stop(self) -> dict:
        """requests, answered, per_second, kinds, failures"""
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out)


if __name__ == "__main__":
    asyncio.run(BalancerProcess().run() if sys.argv[1] == "balancer" else ClientsProcess(int(sys.argv[2]), float(sys.argv[3])).run())
