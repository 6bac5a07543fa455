"""A folder behind signed https addresses, as a store of objects has them, with a certificate of its own."""

import http.server
import os
import random
import re
import ssl
import threading
import time

from service import run


class Store:
    """A folder behind signed https addresses, with a certificate of its own."""

    def __init__(self, folder):
        self.folder, self.asked, self.token = folder, [], "secret%016x" % random.getrandbits(64)
        self.deleted, self.gates, self.paces = set(), {}, {}
        os.makedirs(folder)
        self.certificate, key = f"{folder}.pem", f"{folder}.key"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=store",
            "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
            "-out", self.certificate, "-keyout", key)
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                path, _, query = self.path.partition("?")
                name = os.path.basename(path)
                file = os.path.join(store.folder, name)
                store.asked.append((self.command, name))
                if query != f"X-Amz-Signature={store.token}":
                    return self.say(403)
                if name == "moved":
                    return self.say(302, headers=[("Location", "https://169.254.169.254/latest/meta-data/")])
                if not os.path.exists(file):
                    # As a store that may not be listed.
                    return self.say(403)
                if self.command == "DELETE":
                    os.remove(file)
                    store.deleted.add(name)
                    return self.say(204)
                with open(file, "rb") as opened:
                    content = opened.read()
                tag = [("ETag", f'"{len(content):x}-{os.stat(file).st_mtime_ns:x}"')]
                if self.headers["If-Match"] not in (None, tag[0][1]):
                    return self.say(412)
                wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
                if not wanted:
                    return self.say(200, content, tag)
                first, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
                if name in store.gates and first >= store.gates[name][0]:
                    store.gates[name][1].wait(60)
                where = ("Content-Range", f"bytes {first}-{last}/{len(content)}")
                time.sleep((last + 1 - first) * store.paces.get(name, 0))
                self.say(206, content[first:last + 1], [*tag, where])

            def say(self, status, body=b"", headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_DELETE = do

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # Who was cancelled does not read on.
        self.server.handle_error = lambda *_: None
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def shut(self, name, offset):
        """Reads of an object behind an offset wait from now on, until it is opened or a minute is over."""
        self.gates[name] = (offset, threading.Event())

    def open(self, name):
        self.gates.pop(name)[1].set()

    def slow(self, name, rate):
        """An object that comes at so many bytes a second over each connection."""
        self.paces[name] = 1 / rate

    def url(self, name):
        return f"https://{self.host}/{name}?X-Amz-Signature={self.token}"

    def put(self, name, content):
        with open(os.path.join(self.folder, name + ".new"), "wb") as file:
            file.write(content)
        os.rename(os.path.join(self.folder, name + ".new"), os.path.join(self.folder, name))

    def manifest(self, name, file, format, volume):
        """The import manifest of a file (SVC-MAN-1), and its parts, which are not put yet."""
        with open(file, "rb") as opened:
            content = opened.read()
        size, step = len(content), 10 << 20
        starts = range(0, size, step)
        url = lambda key: self.url(key).replace("&", "&amp;")
        parts = "".join(
            f"<part index='{i}'><byte-range start='{at}' end='{min(at + step, size) - 1}'/><key>{name}.part{i}</key>"
            + "".join(f"<{kind}-url>{url(f'{name}.part{i}')}</{kind}-url>" for kind in ("head", "get", "delete"))
            + "</part>" for i, at in enumerate(starts))
        text = (
            f"<manifest><version>2010-11-15</version><file-format>{format}</file-format>"
            "<importer><name>peers</name><version>1</version><release>1</release></importer>"
            f"<self-destruct-url>{url(name)}</self-destruct-url><import><size>{size}</size>"
            f"<volume-size>{volume}</volume-size><parts count='{len(starts)}'>{parts}</parts></import></manifest>")
        detail = dict(Format=format, Bytes=size, ImportManifestUrl=self.url(name))
        return text.encode(), [(f"{name}.part{i}", content[at:at + step]) for i, at in enumerate(starts)], detail
