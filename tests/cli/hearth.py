"""What the tests of the program share: running it as a person would, and judging what it says."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
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

INTRODUCTION = "hearth: this is the bundled model"


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
        lines = self.err.decode().split("\n")
        return [line for line in lines[:-1] if not line.startswith(INTRODUCTION)] + (
            [lines[-1]] if lines[-1] else [])


def environment():
    """The caller's, with nothing that changes messages or terminals."""
    keep = {key: value for key, value in os.environ.items()
            if key not in ("COLUMNS", "LINES") and not key.startswith("LC_")}
    return {**keep, "LANG": "C.UTF-8", "TERM": "xterm"}


def start(*args, **options):
    """A running program; SIGINT acts as at a terminal even when these tests run in the background."""
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
    """Runs to the end; `stdin` is bytes, none for an empty one."""
    if stdin is not None:
        options["stdin"] = subprocess.PIPE
    process = start(*args, **options)
    try:
        out, err = process.communicate(stdin, timeout=PATIENCE)
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
