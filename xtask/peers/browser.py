"""A real browser on the chat page: two tabs, and each sees what the other says; then pages that show by themselves what
they are expected to; then a page that talks to echo servers, compressed.

usage: browser.py DRIVER_URL CHROMIUM PROFILE_FOLDER CHAT_URL PAGES ECHO_URL...

PAGES is JSON, a list of pairs: a page's URL, and what it shows in the end.

Speaks the WebDriver protocol with nothing but the standard library.
"""

import json
import sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TIMEOUT = 30
ENTER = "\ue007"
# The key of an element's id in WebDriver's answers.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

# Calls back once the condition holds; no polling.
WAIT = """
const [id, needle, done] = arguments;
const holds = () => needle === null
    ? !document.getElementById(id).disabled
    // What is shown: the text of a body has its scripts in it.
    : (id ? document.getElementById(id).textContent : document.body.innerText).includes(needle);
const look = () => { if (holds()) { observer.disconnect(); done(true); } };
const observer = new MutationObserver(look);
observer.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
look();
"""

# Calls back with the extensions that the browser agreed to, or with what came instead of an echo.
ECHO = """
const [url, done] = arguments;
const lines = Array.from({length: 2000}, (_, n) => `line ${n}: grüß dich`);
const long = lines.join("\\n");
const wanted = ["", "short", long, ...lines.slice(0, 50).map((line) => line.repeat(50)), long];
const binary = new TextEncoder().encode(long);
const ws = new WebSocket(url);
ws.binaryType = "arraybuffer";
let came = 0;
ws.onopen = () => { for (const text of wanted) ws.send(text); ws.send(binary); };
ws.onmessage = ({data}) => {
    const isRight = came < wanted.length
        ? data === wanted[came]
        : new Uint8Array(data).toString() === binary.toString();
    if (!isRight) done("wrong echo of message " + came);
    if (++came > wanted.length) { ws.onclose = ({code}) => done(code + " " + ws.extensions); ws.close(1000); }
};
ws.onclose = ({code}) => done("closed early with " + code);
"""


def main(driver, chromium, profile, chat_page, pages, *echoes):
    options = {"binary": chromium, "args": FLAGS + ["--user-data-dir=" + profile]}
    wanted = {"capabilities": {"alwaysMatch": {
        "goog:chromeOptions": options,
        # Those of our own making.
        "acceptInsecureCerts": True,
        "timeouts": {"script": TIMEOUT * 1000, "pageLoad": TIMEOUT * 1000},
    }}}
    session = call("POST", driver + "/session", wanted)["sessionId"]
    base = driver + "/session/" + session
    try:
        chat(base, chat_page)
        for url, shows in json.loads(pages):
            show(base, url, shows)
        for url in echoes:
            echo(base, url)
    finally:
        call("DELETE", base)


def chat(base, page):
    ada = Tab(base, call("GET", base + "/window"), page, "Ada")
    bob = Tab(base, call("POST", base + "/window/new", {"type": "tab"})["handle"], page, "Bob")
    for speaker, listener in [(ada, bob), (bob, ada), (ada, bob)]:
        # Markup that became an element would be missing from the text.
        text = "%s says grüß dich <b>%d</b>" % (speaker.name, speaker.said)
        speaker.say(text)
        listener.wait(text)
        speaker.wait(text)


def show(base, url, shows):
    call("POST", base + "/url", {"url": url})
    try:
        call("POST", base + "/execute/async", {"script": WAIT, "args": [None, shows]})
    except HTTPError as error:
        body = call("POST", base + "/execute/sync", {"script": "return document.body.innerText", "args": []})
        sys.exit("%s does not show %r (%s) but %r" % (url, shows, error, body))


def echo(base, url):
    outcome = call("POST", base + "/execute/async", {"script": ECHO, "args": [url]})
    print(url, outcome, flush=True)
    if not outcome.startswith("1000 permessage-deflate"):
        sys.exit("%s: %s" % (url, outcome))


class Tab:
    def __init__(self, base, handle, page, name):
        self.base, self.handle, self.name, self.said = base, handle, name, 0
        self.switch()
        call("POST", base + "/url", {"url": page})
        self.run("async", WAIT, "text", None)
        self.type("name", name)

    def say(self, text):
        self.said += 1
        self.type("text", text + ENTER)

    def wait(self, needle):
        self.switch()
        try:
            self.run("async", WAIT, "log", needle)
        except HTTPError as error:
            log = self.run("sync", "return document.getElementById('log').innerText")
            sys.exit("%s waits for %r in vain (%s); the log: %r" % (self.name, needle, error, log))

    def type(self, element, text):
        self.switch()
        found = call("POST", self.base + "/element", {"using": "css selector", "value": "#" + element})
        call("POST", "%s/element/%s/value" % (self.base, found[ELEMENT]), {"text": text})

    def run(self, kind, script, *args):
        return call("POST", self.base + "/execute/" + kind, {"script": script, "args": args})

    def switch(self):
        call("POST", self.base + "/window", {"handle": self.handle})


def call(method, url, body=None):
    data = None if method != "POST" else json.dumps(body or {}).encode()
    request = Request(url, data, {"Content-Type": "application/json"}, method=method)
    # A proxy in the environment has no business with this machine's own ports.
    with build_opener(ProxyHandler({})).open(request, timeout=2 * TIMEOUT) as answer:
        return json.load(answer)["value"]


main(*sys.argv[1:])
