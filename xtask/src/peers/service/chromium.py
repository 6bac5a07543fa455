"""A headless Chromium, driven over its own pipe by the DevTools protocol: no package is needed for it."""

import base64
import collections
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

# How long the browser may take for an answer, in seconds.
ANSWER = 60
# By name: the code of the key, and the text that it types.
KEYS = dict(Tab=(9, None), Enter=(13, "\r"), Escape=(27, None), ArrowDown=(40, None))


class Chromium:
    """The browser as a process of its own, with a profile that is gone afterwards."""

    def __init__(self, program, log):
        self.profile = tempfile.mkdtemp(prefix="vmie-chromium-")
        read, our_end = os.pipe()
        our_read, write = os.pipe()
        flags = [
            "--headless", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync",
            "--disable-extensions", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio",
            # Nothing but loopback has an address.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--lang=en-US"]
        # Its sandbox does not work for root, and the page is ours.
        flags += ["--no-sandbox"] if os.getuid() == 0 else []
        # It reads descriptor 3 and writes to 4.
        command = f'exec "$@" 3<&{read} 4>&{write}'
        with open(log, "wb") as said:
            self.process = subprocess.Popen(
                ["bash", "-c", command, "bash", program, *flags, "about:blank"], stdin=subprocess.DEVNULL, stdout=said,
                stderr=said, pass_fds=(read, write), start_new_session=True)
        os.close(read)
        os.close(write)
        self.write, self.read, self.buffer = our_end, our_read, b""
        self.count, self.answers, self.pages = 0, {}, {}

    def call(self, method, session=None, **parameters):
        self.count += 1
        number = self.count
        message = dict(id=number, method=method, params=parameters)
        if session:
            message["sessionId"] = session
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self.write, rest):]
        end = time.monotonic() + ANSWER
        while number not in self.answers:
            if not self.listen(end - time.monotonic()):
                raise RuntimeError(f"Chromium does not answer {method}")
        answer = self.answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def listen(self, seconds):
        """Takes in what it says, for so long at most; says whether it said anything."""
        ready, _, _ = select.select([self.read], [], [], max(0, seconds))
        if not ready:
            return False
        more = os.read(self.read, 1 << 20)
        if not more:
            raise RuntimeError(f"Chromium ended: {self.process.wait(10)}")
        *messages, self.buffer = (self.buffer + more).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].heard(message["method"], message["params"])
        return True

    def page(self, **size):
        return Page(self, **size)

    def stop(self):
        os.close(self.write)
        os.close(self.read)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    """A page, and all that it says and asks for."""

    def __init__(self, browser, width, height, mobile=False):
        self.browser = browser
        # What it wrote to its console, what it asked for, and how often it was loaded.
        self.said, self.asked, self.loads, self.headers = [], [], 0, {}
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.size(width, height, mobile)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def heard(self, method, event):
        if method == "Runtime.consoleAPICalled":
            self.said.append(f"{event['type']}: {[one.get('value') for one in event['args']]}")
        elif method == "Runtime.exceptionThrown":
            self.said.append(f"exception: {event['exceptionDetails']}")
        elif method == "Log.entryAdded":
            self.said.append(f"{event['entry']['level']}: {event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.asked.append(event["request"]["url"])
        elif method == "Network.responseReceived" and event["type"] == "Document":
            self.headers = {name.lower(): value for name, value in event["response"]["headers"].items()}
        elif method == "Page.frameNavigated":
            self.loads += 1

    def size(self, width, height, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'", "the page is not loaded")

    def ask(self, expression):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression, what, seconds=60):
        """Until an expression holds; its value. Meanwhile the page is left alone but for the question."""
        end = time.monotonic() + seconds
        while not (value := self.ask(expression)):
            if time.monotonic() > end:
                text = self.ask("document.body.innerText")
                raise RuntimeError(f"{what}: {expression} does not come to hold; the page shows {text!r}")
            self.browser.listen(0.1)
        return value

    def press(self, key, times=1, shift=False):
        code, text = KEYS[key]
        key = dict(key=key, code=key, windowsVirtualKeyCode=code, modifiers=8 if shift else 0)
        for _ in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown",
                      **(dict(text=text) if text else {}), **key)
            self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def picture(self, path, height=None):
        """What is in sight, as a PNG; of the page from its top, where a height is named."""
        size = collections.namedtuple("Size", "width height")(*self.ask("[innerWidth, innerHeight]"))
        clip = dict(x=0, y=0, width=size.width, height=min(height or size.height, size.height), scale=1)
        answer = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=False)
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))
