"""The shop over HTTP, with nothing but the standard library.

GET /up            health: 200 once the server answers
GET /version       the version that was packaged
GET /products      the catalog
GET /products/ID   one product
POST /cart         {"mug": 2} -> {"total": 1980}

Access log on stdout in the combined format; SIGTERM finishes the requests under way and ends with 0.
"""

import json
import os
import signal
import socketserver
import sys
import threading
import time
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shop import catalog
from shop.version import VERSION

MAX_BODY = 64 * 1024


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server_version = f"shop/{VERSION}"
    sys_version = ""
    timeout = 30

    def do_GET(self):
        """Serve the catalog, the version and the health check."""
        path = self.path.partition("?")[0]
        if path == "/up":
            self.reply(HTTPStatus.OK, {"status": "up"})
        elif path == "/version":
            self.reply(HTTPStatus.OK, {"version": VERSION})
        elif path in ("/", "/products"):
            self.reply(HTTPStatus.OK, [asdict(product) for product in catalog.PRODUCTS.values()])
        elif (product := catalog.PRODUCTS.get(path.removeprefix("/products/"))) is not None:
            self.reply(HTTPStatus.OK, asdict(product))
        else:
            self.reply(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def do_POST(self):
        """Price a cart."""
        if self.path != "/cart":
            self.reply(HTTPStatus.NOT_FOUND, {"error": "no such page"})
            return
        try:
            self.reply(HTTPStatus.OK, {"total": catalog.total(self.body())})
        except KeyError as error:
            self.reply(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": f"no such product: {error.args[0]}"})
        except (ValueError, TypeError, AttributeError) as error:
            self.reply(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    def body(self):
        """Return the JSON object of the request."""
        size = int(self.headers.get("Content-Length", "0"))
        if size > MAX_BODY:
            raise ValueError("the cart is too large")
        return json.loads(self.rfile.read(size))

    def reply(self, status, document):
        """Send one JSON document."""
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code="-", size="-"):
        """Write one line of the combined log format."""
        when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        status = code.value if isinstance(code, HTTPStatus) else code
        request = self.requestline.encode("unicode_escape").decode().replace('"', '\\"')
        print(f'{self.client_address[0]} - - [{when}] "{request}" {status} {size} "-" "-"', flush=True)


class Server(ThreadingHTTPServer):
    """A threading server that looks nothing up when it binds and waits for its requests when it closes."""

    daemon_threads = False
    request_queue_size = 128

    def server_bind(self):
        """Bind without the reverse DNS look-up of http.server."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


def main():
    """Serve until SIGTERM or Ctrl-C."""
    if os.environ.get("SHOP_BROKEN"):
        sys.exit("shop: refusing to start: SHOP_BROKEN is set")
    server = Server((os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8000"))), Handler)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"shop {VERSION} listens on {server.server_address[0]}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.2)
    server.server_close()


if __name__ == "__main__":
    main()
