"""What the tests of the program share: running it as a person would, and judging what it says."""
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest
from typing import NamedTuple

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("HEARTH", str(ROOT / "build/release/bin/hearth"))
MODEL = ROOT / "models/hearth-stories-6m-q8_0.gguf"
SHARED = ROOT.parent / "shared"
BOS = 1

# Only so that a hang ends: nothing here is expected to take a tenth of it.
PATIENCE = 300

# Grids that a standard run takes a part of.
FULL = os.environ.get("HEARTH_FULL") == "1"

SANITIZED = b"__asan_init" in pathlib.Path(PROGRAM).read_bytes()

INTRODUCTION = "hearth: the bundled model tells"


def golden():
    """The reference numbers of the bundled model: weights as stored, everything else in F32."""
    return json.loads((ROOT / "tests/data/stories_golden.json").read_text())


def needs_shared(name):
    """Skips a test, aloud, where the project's large reference files are not beside the tree."""
    path = SHARED / name
    return unittest.skipUnless(
        path.exists(), f"NOT CHECKED: {path.relative_to(ROOT.parent)} is not beside the repository")


class Done(NamedTuple):
    code: int
    out: bytes
    err: bytes

    @property
    def text(self):
        return self.out.decode()

    @property
    def errors(self):
        """The lines of standard error, less the remark about the bundled model."""
        lines = self.err.decode(errors="surrogateescape").split("\n")
        return [line for line in lines[:-1] if not line.startswith(INTRODUCTION)] + (
            [lines[-1]] if lines[-1] else [])


def environment():
    """The caller's, with nothing that changes messages or terminals."""
    keep = {key: value for key, value in os.environ.items()
            if key not in ("COLUMNS", "LINES") and not key.startswith("LC_")}
    return {**keep, "LANG": "C.UTF-8", "TERM": "xterm"}


def start(*args, **options):
    """A running program. SIGINT acts as at a terminal, even where the tests ignore it."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    options.setdefault("env", environment())
    before = options.pop("preexec_fn", None)

    def prepare():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if before is not None:
            before()
    return subprocess.Popen([PROGRAM, *args], preexec_fn=prepare, **options)


def run(*args, stdin=None, **options):
    """Runs to the end; `stdin` is what to feed (bytes) or a file, none for an empty one."""
    feed = stdin if isinstance(stdin, bytes) else None
    if stdin is not None:
        options["stdin"] = stdin if feed is None else subprocess.PIPE
    process = start(*args, **options)
    try:
        out, err = process.communicate(feed, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Done(process.returncode, out or b"", err or b"")


def isa_levels():
    """What this CPU has, as the program itself lists it when asked for something else."""
    said = run("run", "--isa", "none-such", "x").err.decode()
    return said.rsplit("this CPU has: ", 1)[1].strip().split(", ")


class Case(unittest.TestCase):
    """A test with a folder of its own, which must not hold half-written files at the end."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def succeed(self, *args, **options):
        done = run(*args, **options)
        self.assertEqual(done.code, 0, f"hearth {args}: {done.err.decode(errors='replace')[:2000]}")
        return done

    def assert_one_line(self, done, code, *words):
        """It failed as promised: this exit code, one plain line on standard error with `words`."""
        said = done.err.decode(errors="backslashreplace")
        self.assertEqual(done.code, code, f"exit code; it said: {said[:2000]}")
        self.assertEqual(len(done.errors), 1, f"lines on standard error: {said[:2000]}")
        line = done.errors[0]
        self.assertTrue(line.startswith("hearth: "), line)
        self.assertTrue(done.err.endswith(b"\n"), "the line does not end")
        self.assertLess(len(line), 500, line)
        self.assertTrue(line.isprintable(), f"raw control characters in {line!r}")
        for word in words:
            self.assertIn(word.lower(), line.lower())

    def assert_tidy(self, *allowed):
        """No part files: only what the test itself put there."""
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), sorted(allowed))

    def logits(self, model, ids, *flags):
        """`hearth logits` as an array of tokens x vocabulary, its layout checked."""
        path = self.folder / "logits.bin"
        self.succeed("logits", "-m", str(model), "--tokens", ",".join(map(str, ids)),
                     "-o", str(path), *flags)
        data = path.read_bytes()
        path.unlink()
        n_tokens, n_vocab = struct.unpack_from("<ii", data)
        self.assertEqual(n_tokens, len(ids))
        self.assertEqual(len(data), 8 + 4 * n_tokens * n_vocab)
        return np.frombuffer(data, "<f4", offset=8).reshape(n_tokens, n_vocab)

    @contextlib.contextmanager
    def started(self, *args, **options):
        """A running program that is gone afterwards, whatever the test found."""
        process = start(*args, **options)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()

    def end(self, process):
        """Waits for the end of a started program and gathers what it still says."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.fail("the program does not end")
        return Done(process.returncode, out or b"", err or b"")


class Terminal:
    """A program on a terminal of its own: keys go in, what the screen would show comes out."""
    UP, LEFT, HOME, BACKSPACE = "\x1b[A", "\x1b[D", "\x01", "\x7f"
    CTRL_C, CTRL_D = "\x03", "\x04"
    SEQUENCES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()].|[=>]|\][^\x07]*\x07)")

    def __init__(self, *args, **options):
        self.master, slave = pty.openpty()
        # Wide, so that no line is broken where a test looks for words.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 240, 0, 0))

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = start(*args, stdin=slave, stdout=slave, stderr=slave,
                             preexec_fn=own_terminal, **options)
        os.close(slave)
        self.raw = b""
        self.screen = ""
        self.seen = 0  # how much of the screen was looked at

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def read_more(self, patience=PATIENCE):
        """False at the end."""
        if not select.select([self.master], [], [], patience)[0]:
            raise AssertionError(f"nothing more on the terminal: {self.screen[-2000:]!r}")
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the program has closed its side
            data = b""
        self.raw += data
        self.screen = self.SEQUENCES.sub("", self.raw.decode(errors="replace"))
        return bool(data)

    def wait_for(self, words, patience=30):
        """Reads until `words` appear behind what was seen; gives what stood before them."""
        end = time.monotonic() + patience
        while (at := self.screen.find(words, self.seen)) < 0:
            if time.monotonic() > end or not self.read_more(patience):
                raise AssertionError(f"{words!r} did not come: {self.screen[self.seen:]!r}")
        between = self.screen[self.seen:at]
        self.seen = at + len(words)
        return between

    def mode(self, flag):
        """Whether the terminal has one of termios' local modes: ECHO, ICANON."""
        return bool(termios.tcgetattr(self.master)[3] & flag)

    def wait_for_prompt(self, words="> "):
        """Until the program edits a line: keys before that are the terminal's own affair."""
        between = self.wait_for(words)
        end = time.monotonic() + 30
        while self.mode(termios.ICANON):
            if time.monotonic() > end:
                raise AssertionError(f"no line editing at {self.screen[-200:]!r}")
            time.sleep(0.01)
        time.sleep(0.1)  # from the change of mode to the reading
        return between

    def end(self):
        while self.read_more():
            pass
        return self.process.wait(PATIENCE)
