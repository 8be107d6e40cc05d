"""A headless Chromium by the protocol of its developer tools: a WebSocket with
the standard library."""
import atexit
import base64
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

CHROMIUM = next((shutil.which(n) for n in (
    "chromium", "chromium-browser", "google-chrome") if shutil.which(n)), None)
# A page of kept.js that has read what it kept.
READY = "typeof opened === 'boolean' && opened"


def in_folder(main, kept):
    """main() in a folder of its own, with a feature cache there. A folder as
    argument of the script gets the files kept."""
    atexit.register(Page.kill_all)
    with tempfile.TemporaryDirectory() as d:
        keep = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else None
        os.environ["BEARCASCADE_CACHE"] = os.path.join(d, "cache")
        os.chdir(d)
        main()
        if keep:
            os.makedirs(keep, exist_ok=True)
            for name in filter(os.path.exists, kept):
                shutil.copy(name, keep)
        os.chdir("/")


class Page:
    """A tab; Page(profile) is the first one of a browser of its own."""

    open_ones = []

    def __init__(self, profile, width=1000):
        port_file = os.path.join(profile, "DevToolsActivePort")
        if os.path.exists(port_file):  # of one that was killed
            os.remove(port_file)
        self.process = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
             "--remote-debugging-port=0", f"--user-data-dir={profile}",
             f"--window-size={width},800", "about:blank"],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            start_new_session=True)
        Page.open_ones.append(self.process)
        for _ in range(1500):
            if os.path.exists(port_file) and open(port_file).read().strip():
                break
            time.sleep(0.02)
        self.port = int(open(port_file).read().split()[0])
        tabs = json.load(urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/json/list"))
        self.connect(next(t["id"] for t in tabs if t["type"] == "page"))

    def connect(self, tab):
        self.s = socket.create_connection(("127.0.0.1", self.port))
        self.s.sendall((f"GET /devtools/page/{tab} HTTP/1.1\r\n"
                        f"Host: 127.0.0.1:{self.port}\r\n"
                        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        self.f = self.s.makefile("rb")
        while self.f.readline().strip():
            pass
        self.id = 0
        self.events = []

    def tab(self):
        """Another tab of the same browser, which knows what this one stored."""
        other = Page.__new__(Page)
        other.process, other.port = self.process, self.port
        other.connect(self.call("Target.createTarget",
                                url="about:blank")["targetId"])
        return other

    def indexeddb(self, getter):
        """What documents opened from now on find there."""
        self.call("Page.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=(
            "Object.defineProperty(window, 'indexedDB', "
            "{ configurable: true, get() { %s } });" % getter))

    def send(self, method, **params):
        self.id += 1
        data = json.dumps({"id": self.id, "method": method,
                           "params": params}).encode()
        size = (bytes([0x80 | len(data)]) if len(data) < 126 else
                b"\xfe" + struct.pack(">H", len(data)))
        self.s.sendall(b"\x81" + size + bytes(4) + data)

    def call(self, method, **params):
        self.send(method, **params)
        while True:
            self.f.read(1)
            n = self.f.read(1)[0] & 127
            if n == 126:
                n = struct.unpack(">H", self.f.read(2))[0]
            elif n == 127:
                n = struct.unpack(">Q", self.f.read(8))[0]
            j = json.loads(self.f.read(n))
            if j.get("id") == self.id:
                return j.get("result", j)
            self.events.append(j)

    def js(self, text):
        r = self.call("Runtime.evaluate", expression=text, returnByValue=True)
        return r.get("result", {}).get("value", r)

    def wait(self, seen):
        for _ in range(500):
            if self.js(seen) is True:
                return True
            time.sleep(0.02)
        return False

    def open(self, path, ready=READY):
        """ready: an expression that is true once the page's script has run."""
        self.call("Page.navigate", url="file://" + path)
        self.wait(ready + " && document.readyState === 'complete'")

    def kept(self):
        """What was answered is on disk."""
        return self.wait("keeping === 0")

    def key(self, key):
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key,
                      **(text if kind == "keyDown" else {}))

    def shot(self, path):
        data = self.call("Page.captureScreenshot")["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def crash(self):
        """The tab is gone at once: no handler of the page runs."""
        self.send("Page.crash")
        self.s.close()

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @staticmethod
    def kill_all():
        """After a failure: no browser outlives the test."""
        for process in Page.open_ones:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
