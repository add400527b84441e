#!/usr/bin/python3
"""Memory: the weights stay in the mapped file; beside them is the KV cache and little else."""
import fcntl
import os
import pathlib
import resource
import subprocess
import tempfile
import unittest

import hearth
from gguf_file import GgufFile
from hearth import MODEL

ALLOWANCE = 100 << 20  # beyond the KV cache
PIPE_BYTES = 4096


def status(process, field):
    """A number of bytes from /proc; None when the program has ended."""
    try:
        lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(field)), None)


@unittest.skipIf(hearth.SANITIZED, "NOT CHECKED: a build with sanitizers takes memory of its own")
@unittest.skipUnless(os.path.exists("/proc/self/status"), "NOT CHECKED: there is no /proc here")
class Memory(hearth.Case):
    @classmethod
    def setUpClass(cls):
        made = tempfile.TemporaryDirectory(prefix="hearth-test-")
        cls.addClassCleanup(made.cleanup)
        cls.plain = pathlib.Path(made.name) / "plain-f32.gguf"
        cls.file = GgufFile(MODEL.read_bytes())
        cls.plain.write_bytes(cls.file.as_f32())

    def kv_bytes(self, context, value_bytes):
        number = self.file.number
        width = (number("llama.embedding_length") // number("llama.attention.head_count")
                 * number("llama.attention.head_count_kv"))
        return number("llama.block_count") * 2 * width * context * value_bytes

    def peak(self, *args, stdin=None):
        """The most anonymous memory seen while it runs, polled as often as can be."""
        with self.started(*args, stdin=subprocess.DEVNULL if stdin is None else stdin) as process:
            # Nobody reads the answer at first: with the pipe full, the program waits in the middle.
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            seen, samples = 0, 0
            os.set_blocking(process.stdout.fileno(), False)
            while process.poll() is None:
                now = status(process, "RssAnon")
                if now is not None:
                    seen, samples = max(seen, now), samples + 1
                if samples % 20 == 0:
                    process.stdout.read(PIPE_BYTES)
            self.assertEqual(process.returncode, 0, process.stderr.read())
            self.assertGreater(samples, 10)
            return seen

    def test_an_answer(self):
        for model in (MODEL, self.plain):
            for kv, size in (("q8_0", 1), ("f16", 2), ("f32", 4)):
                for context in (512, 20_000):
                    with self.subTest(model=model.name, kv=kv, context=context):
                        seen = self.peak("run", "-m", str(model), "-n", "400", "--ignore-eos", "-q",
                                         "--kv", kv, "-c", str(context), "Once upon a time")
                        self.assertLess(seen, self.kv_bytes(context, size) + ALLOWANCE)

    def test_a_long_answer(self):
        seen = self.peak("run", "-n", "1500", "--ignore-eos", "-q", "-c", "4096", "Once")
        self.assertLess(seen, self.kv_bytes(4096, 2) + ALLOWANCE)
        self.assertGreater(seen, 1 << 20)  # the measure measures

    def test_a_long_prompt(self):
        story = self.folder / "story.txt"
        story.write_text("Once upon a time there was a little girl. " * 150)
        for batch in ("1", "256", "4096"):
            with self.subTest(batch=batch):
                seen = self.peak("run", "-n", "2", "-q", "-c", "2000", "-b", batch,
                                 "-f", str(story))
                self.assertLess(seen, self.kv_bytes(2000, 2) + ALLOWANCE)

    def test_other_work(self):
        story = self.folder / "story.txt"
        story.write_text("Once upon a time there was a little girl. " * 150)
        self.assertLess(self.peak("perplexity", "-f", str(story)), ALLOWANCE)
        ids = ",".join(["1", "420"] * 250)
        out = str(self.folder / "out")
        self.assertLess(self.peak("logits", "--tokens", ids, "-o", out), ALLOWANCE)

    def test_a_context_beyond_the_memory(self):
        """One that cannot be had is refused in words."""
        for context in (1 << 24, 200_000):
            done = hearth.run("run", "-n", "1", "-c", str(context), "--kv", "f32", "Once",
                              preexec_fn=lambda: limit_memory(1 << 30))
            self.assertEqual((done.code, done.out), (1, b""))
            self.assertRegex(done.errors[-1], r"^hearth: .*memory")

    def test_memory_that_runs_out(self):
        """Wherever the limit lies, the program says so and is not aborted."""
        for limit in range(14, 48):  # in less the kernel cannot map the program itself, 12 MiB
            with self.subTest(MiB=limit):
                done = hearth.run("run", "-n", "1", "-q", "Once",
                                  preexec_fn=lambda limit=limit: limit_memory(limit << 20))
                self.assertIn(done.code, (0, 1, 127), done.err)  # 127: not even started
                if done.code == 1:
                    self.assert_one_line(done, 1, "memory")

    def test_the_file_is_not_copied(self):
        with self.started("chat", "-m", str(self.plain), stdin=subprocess.PIPE) as process:
            process.stdin.write(b"Once upon a time\n")
            process.stdin.flush()
            process.stdout.read(1)
            self.assertLess(status(process, "RssAnon"), 20 << 20)
            mapped = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
            self.assertIn(str(self.plain), mapped)

    def test_an_answer_does_not_grow(self):
        """Not a byte per token: the memory is there before the first one."""
        with self.started("run", "-n", "-1", "--ignore-eos", "-q", "-c", "4000", "--kv", "f32",
                          "Once upon a time") as process:
            process.stdout.read(2000)
            first = status(process, "RssAnon")
            process.stdout.read(6_000)
            second = status(process, "RssAnon")
            # The cache's own pages are touched one after another.
            self.assertLess(second - first, self.kv_bytes(4000, 4) + (1 << 20))


def limit_memory(size):
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":
    unittest.main()
