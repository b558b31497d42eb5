"""A git server over HTTPS for the tests: git's own `http-backend` behind TLS, and paths that behave badly.

Arguments: the folder of the repositories, a certificate, its key. The first line of output is the port.
"""

import http.server
import os
import ssl
import subprocess
import sys
import time

ROOT, CERTIFICATE, KEY = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    """One request: to git, unless the path begins with one of the bad manners."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get("content-length", 0))))

    def answer(self, body):
        manners = {"away": self.away, "file": self.file, "locked": self.locked, "slow": self.slow}
        bad = manners.get(self.path.split("/")[1])
        return bad() if bad else self.git(body)

    def git(self, body):
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": ROOT,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            # The tests may run as another user than the one who owns the folder that they stand in.
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "uploadpack.allowReachableSHA1InWant",
            "GIT_CONFIG_VALUE_1": "true",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
        }
        told = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = told.stdout.partition(b"\r\n\r\n")
        lines = [line.decode().split(": ", 1) for line in head.split(b"\r\n")]
        status = next((value for name, value in lines if name == "Status"), "200 OK")
        self.give(int(status.split()[0]), [line for line in lines if line[0] != "Status"], content)

    def away(self):
        self.redirect("http://127.0.0.1:9/" + self.path.removeprefix("/away/"))

    def file(self):
        self.redirect("file://" + ROOT + self.path.removeprefix("/file"))

    def redirect(self, place):
        self.give(302, [("Location", place)])

    def locked(self):
        self.give(401, [("WWW-Authenticate", 'Basic realm="members"')])

    def slow(self):
        time.sleep(600)

    def give(self, status, headers, content=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
