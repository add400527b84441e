#!/usr/bin/python3
"""hearth quantize from end to end: files of every format, budgets, and what goes wrong."""
import pathlib
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import time
import unittest

import numpy as np

import hearth
import peer
from gguf_file import F32, GgufFile
from hearth import FULL, MODEL
from sample_text import story

FAILED, USAGE, INTERRUPTED = 1, 2, 130
# How much perplexity grows at most, on a story. The bundled model is small: it suffers more than
# large ones.
GROWS = {"F32": 1.003, "F16": 1.003, "BF16": 1.003, "Q8_0": 1.003, "Q6_K": 1.02, "Q5_K_M": 1.03,
         "Q5_K_S": 1.03, "Q5_1": 1.03, "Q5_0": 1.03, "Q4_K_M": 1.06, "Q4_K_S": 1.06, "Q4_1": 1.08,
         "Q4_0": 1.08, "IQ4_NL": 1.07, "IQ4_XS": 1.07, "Q3_K_L": 1.2, "Q3_K_M": 1.2,
         "Q3_K_S": 1.25, "Q2_K": 1.5, "Q2_K_S": 1.5, "IQ3_M": 1.05, "IQ3_S": 1.05, "IQ3_XS": 1.1,
         "IQ3_XXS": 1.15, "IQ2_M": 1.2, "IQ2_S": 1.3, "IQ2_XS": 1.35, "IQ2_XXS": 1.4, "IQ1_M": 1.6,
         "IQ1_S": 1.7, "TQ1_0": 2.5, "TQ2_0": 2.5, "Q2_0": 1.4, "Q1_0": 5, "MXFP4_MOE": 1.003}
MEASURED = ("--windows", "2", "--probe-windows", "1", "--passes", "0")


def small_model(layers=1, plant=None):
    """The first layers of the bundled model in F32; plant(name, weights) may change weights."""
    file = GgufFile(GgufFile(MODEL.read_bytes()).with_values({"llama.block_count": layers}))
    file.tensors = [t for t in file.tensors
                    if not t.name.startswith("blk.") or int(t.name.split(".")[1]) < layers]

    def encode(tensor, weights):
        weights = weights.astype("<f4")
        if plant is not None:
            plant(tensor.name, weights.reshape(tensor.dims[::-1]))
        return F32, weights.tobytes()
    data = bytearray(file.rewritten(encode))
    struct.pack_into("<Q", data, 8, len(file.tensors))
    return bytes(data)


def types_of(data):
    return {t.name: t.kind for t in GgufFile(data).tensors}


class Quantize(hearth.Case):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out.gguf"

    def quantized(self, *flags, model=MODEL):
        """The bytes that a run writes."""
        self.out.unlink(missing_ok=True)
        self.succeed("quantize", str(model), str(self.out), *flags)
        return self.out.read_bytes()

    def perplexity(self, model, text):
        said = self.succeed("perplexity", "-m", str(model), "-f", text, "-c", "256").text
        return float(re.search(r"perplexity\D*([0-9.]+)", said)[1])


class Formats(Quantize):
    def test_every_type(self):
        text = self.file("story", story(120))
        before = self.perplexity(MODEL, text)
        for name, limit in GROWS.items():
            with self.subTest(name):
                self.quantized(name)
                ratio = self.perplexity(self.out, text) / before
                self.assertLess(ratio, limit)
                self.assertGreater(ratio, 1 / limit)

    def test_four_bit_floats(self):
        text = self.file("story", story(120))
        before = self.perplexity(MODEL, text)
        for name in ("MXFP4", "NVFP4"):
            with self.subTest(name):
                self.quantized("Q8_0", "--tensor-type", f"blk={name}")
                self.assertLess(self.perplexity(self.out, text) / before, 1.1)

    def test_every_type_that_there_is_was_tried(self):
        done = hearth.run("quantize", str(MODEL), str(self.out), "none-such")
        listed = done.errors[0].rsplit("there are:", 1)[1].split()
        self.assertEqual(sorted(GROWS), sorted(listed))

    def test_threads_change_nothing(self):
        names = [n for n in GROWS if FULL or n in ("F16", "Q8_0", "Q4_1", "Q4_K_M", "IQ4_XS")]
        for name in names:
            want = self.quantized(name, "-t", "1")
            for threads in ("2", "3"):
                self.assertTrue(self.quantized(name, "-t", threads) == want, (name, threads))

    def test_measured_on_a_text_threads_change_nothing(self):
        model = self.file("small.gguf", small_model())
        text = self.file("story", story(200))
        flags = ("Q3_K_S", "-f", text, "--windows", "2")
        want = self.quantized(*flags, "-t", "1", model=model)
        for threads in ("2", "3"):
            self.assertTrue(self.quantized(*flags, "-t", threads, model=model) == want, threads)
        self.assertTrue(self.quantized("Q3_K_S", model=model) != want, "the text says nothing")

    def test_lower_case_is_a_type_too(self):
        self.assertTrue(self.quantized("q4_k_s") == self.quantized("Q4_K_S"))

    @peer.needs_program("llama-perplexity")
    def test_llama_cpp_reads_the_files(self):
        text = self.file("story", story(400))
        names = [n for n in GROWS if FULL or n in ("Q4_K_M", "IQ4_XS", "Q2_K")]
        for name in names:
            with self.subTest(name):
                self.quantized(name)
                said = self.succeed("perplexity", "-m", str(self.out), "-f", text, "-c", "256").text
                ours = float(re.search(r"perplexity\D*([0-9.]+)", said)[1])
                self.assertAlmostEqual(self.llama_perplexity(text) / ours, 1, delta=0.005)

    def llama_perplexity(self, text):
        # On a busy machine the end of what it says is lost at times.
        for _ in range(5):
            said = peer.run("llama-perplexity", "-m", self.out, "-f", text, "-c", 256, "-t", 2)
            found = re.search(r"Final estimate: PPL = ([0-9.]+)", said)
            if found:
                return float(found[1])
        self.fail("llama-perplexity does not tell its result")
        return 0


class Budgets(Quantize):
    def setUp(self):
        super().setUp()
        self.model = self.file("small.gguf", small_model())
        self.text = self.file("story", story(200))

    def check(self, flags, budget):
        data = self.quantized(*flags, "-f", self.text, *MEASURED, model=self.model)
        self.assertLessEqual(len(data), budget, flags)
        self.assertGreaterEqual(len(data), 0.995 * budget, flags)
        return data

    def test_sizes_in_bytes(self):
        floats = len(pathlib.Path(self.model).read_bytes())
        shares = (0.1, 0.125, 0.15, 0.2, 0.24) if FULL else (0.12, 0.2)
        for share in shares:
            budget = int(share * floats)
            self.check(("--size", str(budget)), budget)

    def test_bits_per_weight(self):
        file = GgufFile(pathlib.Path(self.model).read_bytes())
        weights = sum(int(np.prod(t.dims)) for t in file.tensors)
        header = file.start
        for bits in (3, 4.5, 6.25) if FULL else (4.5,):
            # Not all of what stands before the tensors is a matter of weights.
            self.check(("--bpw", str(bits)), header + bits * weights / 8 + 1024)

    def test_too_small(self):
        done = hearth.run("quantize", self.model, str(self.out), "--size", "100000", "-f",
                          self.text, *MEASURED)
        self.assert_one_line(done, USAGE, "smallest", "100000")
        self.assert_tidy("small.gguf", "story")

    def test_same_bytes_for_any_threads(self):
        flags = ("--bpw", "4", "-f", self.text, *MEASURED)
        want = self.quantized(*flags, "-t", "1", model=self.model)
        self.assertTrue(self.quantized(*flags, "-t", "3", model=self.model) == want)

    def test_dry_run_writes_nothing(self):
        done = self.succeed("quantize", self.model, str(self.out), "Q4_K_M", "--dry-run")
        self.assertTrue(done.text)
        self.assert_tidy("small.gguf", "story")


class WhatGoesWrong(Quantize):
    def fails(self, code, words, *args, **options):
        """One line with these words, and nothing is written."""
        before = sorted(p.name for p in self.folder.iterdir())
        self.assert_one_line(hearth.run("quantize", *args, **options), code, *words)
        self.assert_tidy(*before)

    def test_weights_that_are_no_numbers(self):
        for value, word in ((np.nan, "nan"), (np.inf, "infinite"), (-np.inf, "infinite")):
            def plant(name, weights, value=value):
                if name == "blk.0.ffn_up.weight":
                    weights[37, 200] = value
            model = self.file("bad.gguf", small_model(plant=plant))
            for name in ("Q4_K_M", "Q8_0", "F16", "Q4_0"):
                self.fails(FAILED, (word, "blk.0.ffn_up.weight", "row 37", "column 200"), model,
                           str(self.out), name)

    def test_input_is_output(self):
        model = self.file("model.gguf", MODEL.read_bytes())
        link = self.folder / "link.gguf"
        link.symlink_to(model)
        for path in (model, str(link), f"{self.folder}/./model.gguf"):
            self.fails(USAGE, ("another name",), model, path, "Q4_K_M")
        self.assertEqual(pathlib.Path(model).read_bytes(), MODEL.read_bytes())

    def test_files_that_are_not_there(self):
        self.fails(FAILED, ("none.gguf", "no such file"), "none.gguf", str(self.out), "Q4_K_M")
        self.fails(FAILED, ("no such file",), str(MODEL), f"{self.folder}/none/x.gguf", "Q4_K_M")
        for flag in ("--imatrix", "-f"):
            self.fails(FAILED, ("none.txt", "no such file"), str(MODEL), str(self.out), "Q4_K_M",
                       flag, "none.txt")
        text = self.file("text", "no model")
        self.fails(FAILED, ("text",), text, str(self.out), "Q4_K_M")

    def test_types_that_there_are_not(self):
        for wrong, meant in (("Q4_K_N", "Q4_K_"), ("Q4KM", "Q4_K_M"), ("IQ4_SX", "IQ4_XS")):
            self.fails(USAGE, (wrong, "did you mean", meant), str(MODEL), str(self.out), wrong)
        self.fails(USAGE, ("in one way",), str(MODEL), str(self.out))
        self.fails(USAGE, ("in one way",), str(MODEL), str(self.out), "Q4_K_M", "--bpw", "4")

    def test_importance_of_nothing_and_of_another_model(self):
        text = self.file("text", "no matrix at all, only words" * 10)
        self.fails(FAILED, ("text",), str(MODEL), str(self.out), "Q4_K_M", "--imatrix", text)
        story_file = self.file("story", story(60))
        matrix = str(self.folder / "matrix.gguf")
        self.succeed("imatrix", "-c", "64", "-o", matrix, "-f", story_file, "--chunks", "1")
        self.quantized("Q4_K_M", "--imatrix", matrix)
        self.out.unlink()
        data = pathlib.Path(matrix).read_bytes()
        # Nothing has the same name; two names have each other's shape.
        strange = data.replace(b"blk.", b"bla.")
        swapped = data.replace(b"ffn_down", b"ffn_\0\0\0\0").replace(b"ffn_gate", b"ffn_down")
        for other in (strange, swapped.replace(b"ffn_\0\0\0\0", b"ffn_gate")):
            path = self.file("other.gguf", other)
            self.fails(FAILED, ("another model",), str(MODEL), str(self.out), "Q4_K_M", "--imatrix",
                       path)

    def test_file_size_limit(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        self.fails(FAILED, ("out.gguf", "too large"), str(MODEL), str(self.out), "Q4_K_M",
                   preexec_fn=limit)
        self.out.write_text("precious")
        self.fails(FAILED, ("too large",), str(MODEL), str(self.out), "Q4_K_M", preexec_fn=limit)
        self.assertEqual(self.out.read_text(), "precious")

    def test_full_small_disk(self):
        place = self.folder / "disk"
        place.mkdir()
        if shutil.which("unshare") is None:
            self.skipTest("NOT CHECKED: there is no unshare to mount a small disk with")
        script = ('mount -t tmpfs -o size=1m tmpfs "$1" || exit 77; shift; "$@"; code=$?; '
                  'ls -A "$(dirname "$0")" >&3; exit $code')
        left = self.folder / "left"
        with open(left, "wb") as listing:
            done = subprocess.run(
                ["unshare", "-rm", "sh", "-c", f"exec 3>{left}; {script}", str(place / "x"),
                 str(place), hearth.PROGRAM, "quantize", str(MODEL), str(place / "x"), "Q4_K_M"],
                capture_output=True, check=False, timeout=hearth.PATIENCE)
            listing.flush()
        if done.returncode == 77 or b"unshare" in done.stderr:
            self.skipTest("NOT CHECKED: mounting a small disk is not allowed here")
        self.assert_one_line(hearth.Done(done.returncode, b"", done.stderr), FAILED,
                             "no space left", "free some space")
        self.assertEqual(left.read_bytes(), b"", "files left on the full disk")


class Interruptions(Quantize):
    def test_killed_at_any_moment(self):
        """Nothing has the final name unless it is whole, and the next run is not disturbed."""
        want = self.quantized("Q4_K_M", "-t", "1")
        begin = time.monotonic()
        self.quantized("Q4_K_M", "-t", "1")
        whole = time.monotonic() - begin
        rng = random.Random(1)
        for _ in range(20):
            self.out.unlink(missing_ok=True)
            with self.started("quantize", str(MODEL), str(self.out), "Q4_K_M",
                              "-t", "1") as process:
                time.sleep(rng.random() * 1.1 * whole)
                process.send_signal(signal.SIGKILL)
                process.wait()
            if self.out.exists():
                self.assertTrue(self.out.read_bytes() == want, "a part of a file has its name")
        self.assertTrue(self.quantized("Q4_K_M", "-t", "1") == want)

    def test_ctrl_c(self):
        model = self.file("small.gguf", small_model())
        text = self.file("story", story(200))
        for flags in (("--bpw", "4", "-f", text, "--windows", "3"), ("--size", "1M", "--own-text")):
            for seconds in (0.5, 1.5) if FULL else (1,):
                with self.subTest(flags), self.started("quantize", model, str(self.out),
                                                       *flags, "--passes", "100") as process:
                    time.sleep(seconds)
                    process.send_signal(signal.SIGINT)
                    done = self.end(process)
                self.assertEqual(done.code, INTERRUPTED, done.err)
                self.assertEqual(done.errors, ["hearth: interrupted"])
                self.assert_tidy("small.gguf", "story")

    def test_progress_is_for_terminals(self):
        text = self.file("story", story(200))
        flags = ("quantize", str(MODEL), str(self.out), "Q2_K", "-f", text, "--windows", "3",
                 "-t", "1")
        self.assertEqual(self.succeed(*flags).errors, [])
        with hearth.Terminal(*flags) as terminal:
            self.assertEqual(terminal.end(), 0)
            self.assertRegex(terminal.screen, r"quantizing|reading the text")


if __name__ == "__main__":
    unittest.main()
