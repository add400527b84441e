"""An engine worker, driven over its socket as the server does it (docs/formats/worker.md)."""
import json
import os
import socket
import struct
import subprocess

import hearth


class Worker:
    """Starts one for a model; `load` are members of the first message."""

    def __init__(self, model=hearth.MODEL, **load):
        ours, theirs = socket.socketpair()
        with open(model, "rb") as file:
            self.process = subprocess.Popen(
                [hearth.PROGRAM, "worker", "--channel", str(theirs.fileno())],
                pass_fds=[theirs.fileno(), file.fileno()])
            theirs.close()
            self.socket = ours
            self.held = b""
            self.last_id = 0
            self.send({"name": str(model), "files": [file.fileno()], **load})
        self.loaded = self.receive()

    def send(self, message):
        text = json.dumps(message).encode()
        self.socket.sendall(struct.pack("<I", len(text)) + text)

    def receive(self):
        """The next event; None when the worker is gone."""
        while True:
            if len(self.held) >= 4:
                length = struct.unpack("<I", self.held[:4])[0]
                if len(self.held) >= 4 + length:
                    text, self.held = self.held[4:4 + length], self.held[4 + length:]
                    return json.loads(text)
            more = self.socket.recv(1 << 20)
            if not more:
                return None
            self.held += more

    def ask(self, kind, **members):
        self.last_id += 1
        self.send({"id": self.last_id, "ask": {kind: members}})
        return self.last_id

    def events(self, *ids):
        """Events of these requests, as (id, kind, members), until all have ended."""
        left = set(ids)
        while left:
            event = self.receive()
            assert event is not None, "the worker is gone"
            (kind, members), = event["tell"].items()
            if event["id"] in ids:
                yield event["id"], kind, members
            if kind not in ("started", "reading", "delta", "status"):
                left.discard(event["id"])

    def reply(self, kind, **members):
        """The last event of one request."""
        return list(self.events(self.ask(kind, **members)))[-1][1:]

    def generate(self, prompt, **members):
        """The text and the last event of one answer."""
        if isinstance(prompt, str):
            prompt = {"plain": [prompt]}
        text = ""
        for _, kind, event in self.events(self.ask("generate", prompt=prompt, **members)):
            if kind == "delta" and event["kind"] == "content":
                text += event["text"]
        return text, event

    def close(self):
        self.socket.close()
        return self.process.wait(timeout=hearth.PATIENCE)
