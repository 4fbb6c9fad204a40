"""A store with S3's way of signing: checks each request's signature (AWS Signature Version 4) by itself and keeps objects in memory."""
import hashlib
import hmac
import http.server
import re
import threading


class FakeS3:
    def __init__(self, key_id: str, secret: str, region: str):
        self.objects, self.refused = {}, []
        store = self

        def signature(request, body: bytes) -> str:
            """What the signature has to be."""
            found = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=\w+", request.headers["authorization"])
            if not found or found[1] != key_id or found[3] != region:
                return ""
            names = found[4].split(";")
            lines = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
            payload = hashlib.sha256(body).hexdigest()
            if request.headers["x-amz-content-sha256"] != payload:
                return ""
            canonical = "\n".join([request.command, request.path, "", lines, found[4], payload])
            scope = f"{found[2]}/{region}/s3/aws4_request"
            text = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
            key = ("AWS4" + secret).encode()
            for part in (found[2], region, "s3", "aws4_request", text):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            return key.hex()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                good = signature(self, body)
                status, answer = 200, b""
                if not good or not self.headers["authorization"].endswith("Signature=" + good):
                    store.refused.append(self.headers["authorization"])
                    status, answer = 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
                elif self.command == "PUT":
                    store.objects[self.path] = body
                elif self.path in store.objects:
                    answer = store.objects[self.path]
                else:
                    status = 404
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = serve

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
