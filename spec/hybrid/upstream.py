"""An upstream for tests: answers every request with 200 and its path."""
import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"upstream saw {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Upstream:
    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Traffic:
    """Sends requests one after the other in a thread until it is stopped; counts answers that are not 200."""

    def __init__(self, node, path: str):
        self.node, self.path, self.sent, self.bad = node, path, 0, []
        self.running = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            status, _, body = self.node.proxy(self.path)
            self.sent += 1
            if status != 200:
                self.bad.append((status, body[:200]))

    def stop(self):
        self.running = False
        self.thread.join()
        return self.sent, self.bad
