"""A page that shows what the api answers. Fails to start without it, which is why it depends on it."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

API = "http://127.0.0.1:4000/"


def ask():
    with urlopen(API, timeout=5) as answer:
        return json.load(answer)


class Web(BaseHTTPRequestHandler):
    def do_GET(self):
        said = ask()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(f"<!doctype html><title>hello</title><h1>{said['greeting']} from your workspace</h1><p>{said['time']}</p>\n".encode())


ask()
ThreadingHTTPServer(("127.0.0.1", 3000), Web).serve_forever()
