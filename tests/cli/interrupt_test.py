#!/usr/bin/python3
"""Ctrl-C ends things at once, with exit code 130, and keeps what was already there."""
import array
import contextlib
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import termios
import time
import unittest

import hearth
from hearth import MODEL

INTERRUPTED = 130
# An answer and a prompt that take far longer than anybody waits.
ENDLESS = ("run", "-n", "-1", "-c", "1000000", "--ignore-eos", "--seed", "1", "Once upon a time")
LONG_PROMPT = b"Once upon a time there was a little girl. " * 20_000


def drain(process):
    """Waits until a program has read all that was written to its pipe, and is waiting for more."""
    waiting = array.array("i", [1])
    while waiting[0] > 0 and process.poll() is None:
        time.sleep(0.05)
        fcntl.ioctl(process.stdin, termios.FIONREAD, waiting)
    time.sleep(0.5)  # from the last read to the next one


class Interrupt(hearth.Case):
    def until_it_works(self, process):
        """Reads standard error up to the remark that comes just before the model starts."""
        while line := process.stderr.readline():
            if line.decode().startswith(hearth.INTRODUCTION):
                return
        self.fail("the program ended too early")

    def interrupt(self, process):
        process.send_signal(signal.SIGINT)
        return self.end(process)

    def test_in_an_answer(self):
        with self.started(*ENDLESS) as process:
            beginning = process.stdout.read(200)
            done = self.interrupt(process)
        text = (beginning + done.out).decode()  # whole characters, nothing cut
        want = self.succeed("run", "-q", "-n", "20", "--seed", "1", "Once upon a time").text
        self.assertTrue(text.startswith(want), text[:200])
        self.assert_interrupted(done)

    def assert_interrupted(self, done):
        self.assertEqual(done.code, INTERRUPTED, done.err)
        self.assertEqual([e for e in done.errors if "warning" not in e], ["hearth: interrupted"])

    def test_in_an_answer_as_json(self):
        with self.started(*ENDLESS, "--json") as process:
            self.until_it_works(process)
            time.sleep(0.3)  # some tokens
            done = self.interrupt(process)
        value = json.loads(done.text)
        self.assertEqual(value["finish"], "interrupted")
        self.assert_interrupted(done)

    def test_in_a_prompt(self):
        file = self.file("long.txt", LONG_PROMPT)
        for threads in ("1", "3"):
            with self.started("run", "-c", "1000000", "-t", threads, "-f", file) as process:
                self.until_it_works(process)
                done = self.interrupt(process)
            self.assertEqual(done.out, b"")
            self.assert_interrupted(done)

    def test_twice(self):
        for args in (ENDLESS, ("run", "-c", "1000000", "-f", self.file("long.txt", LONG_PROMPT))):
            with self.started(*args) as process:
                self.until_it_works(process)
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGINT)
                self.assertEqual(self.end(process).code, INTERRUPTED)

    def test_while_waiting_for_input(self):
        for args in (("run",), ("run", "-f", "-"), ("tokenize",), ("perplexity", "-f", "-"),
                     ("chat",)):
            with self.subTest(args), self.started(*args, stdin=subprocess.PIPE) as process:
                process.stdin.write(b"Once upon")
                process.stdin.flush()
                drain(process)
                process.send_signal(signal.SIGINT)
                try:
                    self.assertEqual(process.wait(20), INTERRUPTED)
                except subprocess.TimeoutExpired:
                    self.fail("Ctrl-C did nothing")

    def test_while_nobody_reads_the_answer(self):
        """As in `hearth run ... | less`: the pipe is full when Ctrl-C comes."""
        with self.started(*ENDLESS) as process:
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
            process.stdout.read(1)
            time.sleep(1)  # the pipe fills
            process.send_signal(signal.SIGINT)
            try:
                self.assertEqual(process.wait(20), INTERRUPTED)
            except subprocess.TimeoutExpired:
                self.fail("Ctrl-C did nothing")

    def test_in_long_work(self):
        text = self.file("long.txt", LONG_PROMPT)
        out = str(self.folder / "out")
        ids = ",".join(["1", "420"] * 10_000)
        for args in (("perplexity", "-c", "4096", "-f", text),
                     ("bench", "-r", "1000", "-p", "5000"),
                     ("logits", "-m", str(MODEL), "--tokens", ids, "-o", out)):
            with self.subTest(args[0]), self.started(*args) as process:
                time.sleep(2)  # nothing tells that it has begun
                done = self.interrupt(process)
                self.assertEqual(done.out, b"")
                self.assert_interrupted(done)
                self.assert_tidy("long.txt")

    def writes(self, process):
        """Whether it has a file open in this test's folder, with a name there or without."""
        for link in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(link).startswith(f"{self.folder}/"):
                    return True
        return False

    def test_no_half_file_stays_behind(self):
        """Two Ctrl-C and the signal of `kill` or a shutdown end a command that writes a file."""
        ids = ",".join(["1", "420"] * 10_000)
        twice = (signal.SIGINT, signal.SIGINT)
        for signals in (*[twice] * 10, (signal.SIGTERM,), (signal.SIGHUP,)):
            with self.subTest(signals), self.started(
                    "logits", "--tokens", ids, "-o", str(self.folder / "out")) as process:
                while not self.writes(process) and process.poll() is None:
                    time.sleep(0.01)
                for number in signals:
                    process.send_signal(number)
                self.assertNotEqual(self.end(process).code, 0)
                left = list(self.folder.iterdir())
                for path in left:
                    path.unlink()
                self.assertEqual(left, [])

    def test_a_job_that_ignores_it_goes_on(self):
        """`nohup` and background jobs of scripts start programs with signals ignored."""
        def ignore():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        with self.started("run", "-n", "3000", "-c", "4000", "--ignore-eos", "Once",
                          preexec_fn=ignore) as process:
            process.stdout.read(1)
            process.send_signal(signal.SIGINT)
            self.assertEqual(self.end(process).code, 0)


if __name__ == "__main__":
    unittest.main()
