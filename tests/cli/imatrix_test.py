#!/usr/bin/python3
"""Importance matrices: beside their definition in float64, beside llama.cpp's, and gone on with."""
import pathlib
import signal
import time
import unittest

import numpy as np

import hearth
import peer
import plain_forward as plain
from gguf_file import GgufFile
from hearth import BOS, MODEL, SHARED
from sample_text import story

INTERRUPTED, USAGE, FAILED = 130, 2, 1
WINDOW = 64


def sums_and_counts(path):
    """{tensor: (sums [matrices][columns], counts [matrices])} and the metadata."""
    file = GgufFile(pathlib.Path(path).read_bytes())
    arrays = {t.name: file.weights(t) for t in file.tensors}
    matrices = {}
    for name in {name.rsplit(".", 1)[0] for name in arrays}:
        counts = arrays[name + ".counts"]
        matrices[name] = arrays[name + ".in_sum2"].reshape(len(counts), -1), counts
    return matrices, {key: value for key, (_, value) in file.values.items()}


def inputs_of_matrices(file, ids):
    """What each matrix of a llama model meets on these tokens, in float64."""
    w = {t.name: file.weights(t).astype(float).reshape(t.dims[::-1]) for t in file.tensors}
    number = lambda key: file.number("llama." + key)
    heads, kv_heads = number("attention.head_count"), number("attention.head_count_kv")
    eps, n = number("attention.layer_norm_rms_epsilon"), len(ids)
    dim = number("embedding_length") // heads
    rope = plain.Rope(plain.plain_speeds(dim, number("rope.freq_base")), halves=False)
    rows = np.arange(n)
    seen, x = {}, w["token_embd.weight"][ids]

    def product(name, values):
        seen[name] = values
        return values @ w[name].T

    for i in range(number("block_count")):
        blk = f"blk.{i}."
        normed = plain.rms_norm(x, w[blk + "attn_norm.weight"], eps)
        q, k, v = (product(f"{blk}attn_{part}.weight", normed).reshape(n, count, dim)
                   for part, count in (("q", heads), ("k", kv_heads), ("v", kv_heads)))
        mixed = plain.attend(rope.turned(q, rows), rope.turned(k, rows), v, rows, dim ** -0.5)
        x = x + product(blk + "attn_output.weight", mixed)
        normed = plain.rms_norm(x, w[blk + "ffn_norm.weight"], eps)
        hidden = plain.silu(product(blk + "ffn_gate.weight", normed))
        hidden = hidden * product(blk + "ffn_up.weight", normed)
        x = x + product(blk + "ffn_down.weight", hidden)
    seen["token_embd.weight"] = plain.rms_norm(x, w["output_norm.weight"], eps)
    return seen


class Imatrix(hearth.Case):
    def setUp(self):
        super().setUp()
        self.text = self.file("text.txt", story(120))
        self.out = self.folder / "out.gguf"

    def imatrix(self, *flags, out=None, **options):
        return self.succeed("imatrix", "-c", str(WINDOW), "-o", str(out or self.out), *flags,
                            **options)

    def bytes_of(self, *flags, **options):
        """The matrix of a run from the beginning."""
        self.out.unlink(missing_ok=True)
        self.imatrix("-f", self.text, *flags, **options)
        return self.out.read_bytes()

    def test_it_is_the_definition(self):
        """On windows that begin with BOS, of a model whose weights are floats."""
        model = self.file("f32.gguf", GgufFile(MODEL.read_bytes()).as_f32())
        windows = 3
        text = pathlib.Path(self.text).read_bytes()
        ids = [BOS, *map(int, self.succeed("tokenize", "--ids", stdin=text).text.split())]
        self.imatrix("-m", model, "-f", self.text, "--chunks", str(windows), "--process-output")
        got, keys = sums_and_counts(self.out)
        self.assertEqual(keys["general.type"], "imatrix")
        self.assertEqual(keys["imatrix.chunk_count"], windows)
        self.assertEqual(keys["imatrix.chunk_size"], WINDOW)
        self.assertEqual(keys["imatrix.datasets"], [self.text])
        file = GgufFile(pathlib.Path(model).read_bytes())
        want = {}
        for w in range(windows):
            tokens = [BOS, *ids[w * WINDOW + 1:(w + 1) * WINDOW]]
            for name, inputs in inputs_of_matrices(file, tokens).items():
                want[name] = want.get(name, 0) + (inputs ** 2).sum(axis=0)
        self.assertEqual(sorted(got), sorted(want))
        for name, sums in want.items():
            np.testing.assert_allclose(got[name][0][0], sums, rtol=1e-4, err_msg=name)
            self.assertEqual(list(got[name][1]), [windows * WINDOW], name)

    def test_threads_and_batches_change_nothing(self):
        want = self.bytes_of("--chunks", "4")
        for flags in (("-t", "1"), ("-t", "3"), ("-b", "1", "-t", "1"), ("-b", "50")):
            self.assertEqual(self.bytes_of("--chunks", "4", *flags), want, flags)

    def test_only_layers_without_the_flag(self):
        self.bytes_of("--chunks", "1")
        got, _ = sums_and_counts(self.out)
        self.assertEqual({name.split(".")[0] for name in got}, {"blk"})

    def test_more_chunks_go_on(self):
        want = self.bytes_of()
        whole = int(sums_and_counts(self.out)[1]["imatrix.chunk_count"])
        self.assertGreater(whole, 12)
        self.out.unlink()
        for chunks in (1, 5, 5, whole):
            done = self.imatrix("-f", self.text, "--chunks", str(chunks))
            self.assertIn(f"{chunks} windows", done.text)
        self.assertEqual(self.out.read_bytes(), want)
        self.assertIn("done before", done.text)
        done = hearth.run("imatrix", "-c", str(WINDOW), "-f", self.text, "-o", str(self.out),
                          "--chunks", "2")
        self.assert_one_line(done, USAGE, str(self.out), "already holds", "2")
        self.assert_tidy("out.gguf", "text.txt")

    def interrupted(self, how):
        """A long run that is ended once it has saved a part. It saves all the time."""
        self.text = self.file("text.txt", story(6000))
        want = self.bytes_of()
        self.out.unlink()
        with self.started("imatrix", "-c", str(WINDOW), "-f", self.text, "-o", str(self.out),
                          "--output-frequency", "1", "-t", "1") as process:
            end = time.monotonic() + hearth.PATIENCE
            while not self.out.exists():
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)
            process.send_signal(how)
            done = self.end(process)
        return want, done

    def test_ctrl_c_keeps_what_was_done(self):
        want, done = self.interrupted(signal.SIGINT)
        self.assert_one_line(done, INTERRUPTED, "interrupted", "windows", str(self.out))
        part = sums_and_counts(self.out)[1]["imatrix.chunk_count"]
        self.assertGreater(part, 0)
        self.assertIn(f"holds {part} of", done.errors[0])
        self.assertIn(f"{part} of them done before", self.imatrix("-f", self.text).text)
        self.assertEqual(self.out.read_bytes(), want)

    def test_a_run_that_was_killed_goes_on(self):
        want, done = self.interrupted(signal.SIGKILL)
        self.assertEqual(done.code, -signal.SIGKILL)
        self.assertIn("done before", self.imatrix("-f", self.text).text)
        self.assertEqual(self.out.read_bytes(), want)

    def test_what_it_does_not_go_on_with(self):
        self.bytes_of("--chunks", "2")
        other = self.file("other.txt", story(120, seed=2))
        f32 = self.file("f32.gguf", GgufFile(MODEL.read_bytes()).as_f32())
        before = self.out.read_bytes()
        for flags, words in ((("-f", other), "another text"),
                             (("-f", self.text, "-m", f32), "another model"),
                             (("-f", self.text, "--process-output"), "other settings"),
                             (("-f", self.text, "--in-file", str(self.out)), "other settings")):
            done = hearth.run("imatrix", "-c", str(WINDOW), "-o", str(self.out), *flags)
            self.assert_one_line(done, USAGE, str(self.out), words, "--in-file")
        self.out.write_bytes(f32.encode())
        done = hearth.run("imatrix", "-f", self.text, "-o", str(self.out))
        self.assert_one_line(done, FAILED, str(self.out), "no importance matrix")
        self.out.write_bytes(before)
        merged = self.folder / "merged.gguf"
        self.imatrix("--in-file", str(self.out), out=merged)
        done = hearth.run("imatrix", "-f", self.text, "-o", str(merged))
        self.assert_one_line(done, USAGE, str(merged), "not left by a run")

    def test_merging(self):
        parts = []
        for seed in (1, 2):
            text = self.file(f"{seed}.txt", story(60, seed))
            parts.append(self.folder / f"{seed}.gguf")
            self.imatrix("-f", text, out=parts[-1])
        (a, keys_a), (b, keys_b) = map(sums_and_counts, parts)
        chunks = keys_a["imatrix.chunk_count"] + keys_b["imatrix.chunk_count"]
        self.imatrix("--in-file", ",".join(map(str, parts)))
        merged, keys = sums_and_counts(self.out)
        both = self.folder / "both.gguf"
        self.imatrix("--in-file", str(parts[0]), "-f", text, out=both)
        added, keys_added = sums_and_counts(both)
        for name in a:
            np.testing.assert_allclose(merged[name][0], a[name][0] + b[name][0], rtol=1e-6)
            np.testing.assert_allclose(added[name][0], a[name][0] + b[name][0], rtol=1e-6)
            np.testing.assert_array_equal(merged[name][1], a[name][1] + b[name][1])
        for each in (keys, keys_added):
            self.assertEqual(each["imatrix.chunk_count"], chunks)
            self.assertEqual(each["imatrix.datasets"],
                             keys_a["imatrix.datasets"] + keys_b["imatrix.datasets"])

    def test_wrong_input(self):
        self.assert_one_line(hearth.run("imatrix"), USAGE, "-f FILE", "--in-file")
        short = self.file("short.txt", "Too short.")
        self.assert_one_line(hearth.run("imatrix", "-f", short, "-o", str(self.out)), USAGE,
                             "tokens", "512", "-c")
        broken = self.file("broken.gguf", self.bytes_of("--chunks", "1")[:3000])
        done = hearth.run("imatrix", "--in-file", broken, "-o", str(self.out))
        self.assert_one_line(done, FAILED, broken, "bytes of the file remain")
        done = hearth.run("imatrix", "-f", self.text, "-o", str(self.folder))
        self.assertNotEqual(done.code, 0)


class BesidesThePeer(hearth.Case):
    """The same model and text, and files that cross over."""

    def setUp(self):
        super().setUp()
        self.model = SHARED / "models/hearth-stories-6m-f32.gguf"
        data = (SHARED / "corpus/train/cc_train.txt").read_bytes()[:100_000]
        self.text = self.file("text.txt", data.decode(errors="ignore"))

    @hearth.needs_shared("models/hearth-stories-6m-f32.gguf")
    @hearth.needs_shared("corpus/train/cc_train.txt")
    @peer.needs_program("llama-imatrix")
    @peer.needs_program("llama-quantize")
    def test_the_same_numbers(self):
        ours, theirs, both, joined, quantized = (
            str(self.folder / name) for name in ("ours", "theirs.gguf", "both.gguf", "joined.gguf",
                                                 "q.gguf"))
        chunks = ("--chunks", "16")
        self.succeed("imatrix", "-m", str(self.model), "-f", self.text, "-o", ours, *chunks)
        peer.run("llama-imatrix", "-m", self.model, "-f", self.text, "-o", theirs, "--no-ppl",
                 "-c", 512, *chunks)
        want, keys = sums_and_counts(theirs)
        got, our_keys = sums_and_counts(ours)
        self.assertEqual(our_keys["imatrix.chunk_count"], keys["imatrix.chunk_count"])
        self.assertEqual(sorted(got), sorted(want))
        for name, (sums, counts) in want.items():
            # Their cache of keys and values is in F16.
            np.testing.assert_allclose(got[name][0], sums, rtol=1e-3, err_msg=name)
            np.testing.assert_array_equal(got[name][1], counts)
        said = peer.run("llama-quantize", "--imatrix", ours, self.model, quantized, "IQ3_S")
        self.assertIn(f"loaded {len(got)} importance matrix entries", said)
        self.succeed("imatrix", "--in-file", f"{ours},{theirs}", "-o", both)
        peer.run("llama-imatrix", "-m", self.model, "--in-file", f"{ours},{theirs}", "-o", joined)
        merged, keys = sums_and_counts(both)
        want, their_keys = sums_and_counts(joined)
        self.assertEqual(keys["imatrix.chunk_count"], their_keys["imatrix.chunk_count"])
        for name, (sums, _) in want.items():
            np.testing.assert_allclose(merged[name][0], sums, rtol=1e-6, err_msg=name)
        # And the format that they wrote before.
        legacy, again = str(self.folder / "old.dat"), str(self.folder / "again.gguf")
        peer.run("llama-imatrix", "-m", self.model, "--in-file", ours, "-o", legacy,
                 "--output-format", "dat")
        self.succeed("imatrix", "--in-file", legacy, "-o", again)
        for name, (sums, _) in sums_and_counts(again)[0].items():
            np.testing.assert_allclose(sums, got[name][0], rtol=1e-6, err_msg=name)

    @hearth.needs_shared("reference/architectures")
    @peer.needs_program("llama-imatrix")
    def test_every_architecture(self):
        """Random models, of experts and of fused and latent projections, with words of letters."""
        letters = [chr(c) for c in range(33, 126)]
        tokens = ["<unk>", "<s>", "</s>", "\u2581", *letters]
        count = 128
        tokens += [f"[{i}]" for i in range(count - len(tokens))]
        words = {"model": "llama", "tokens": tokens, "scores": [-float(i) for i in range(count)],
                 "token_type": [2, 3, 3] + [1] * (count - 3), "bos_token_id": 1, "eos_token_id": 2,
                 "unknown_token_id": 0, "add_bos_token": True, "add_space_prefix": False}
        rng = np.random.default_rng(1)
        text = self.file("letters.txt", "".join(rng.choice(letters, 700)))
        for path in sorted((SHARED / "reference/architectures").glob("*.gguf")):
            with self.subTest(model=path.stem):
                model = self.file("model.gguf", GgufFile(path.read_bytes()).with_values(
                    {"tokenizer.ggml." + key: value for key, value in words.items()}))
                ours, theirs = str(self.folder / "ours.gguf"), str(self.folder / "theirs.gguf")
                pathlib.Path(ours).unlink(missing_ok=True)
                flags = ("-m", model, "-f", text, "-c", "64", "--chunks", "8")
                self.succeed("imatrix", *flags, "-o", ours)
                peer.run("llama-imatrix", *flags, "-o", theirs, "--no-ppl", "-ctk", "f32", "-ctv",
                         "f32")
                self.assert_same(ours, theirs)

    def assert_same(self, ours, theirs):
        (got, keys), (want, their_keys) = sums_and_counts(ours), sums_and_counts(theirs)
        self.assertEqual(keys["imatrix.chunk_size"], their_keys["imatrix.chunk_size"])
        self.assertEqual(sorted(got), sorted(want))
        for name, (sums, counts) in want.items():
            mine = got[name][0].reshape(sums.shape)
            size = np.sqrt((sums ** 2).mean())
            self.assertLess(np.sqrt(((mine - sums) ** 2).mean()), 1e-3 * size, name)
            np.testing.assert_array_equal(np.unique(got[name][1]), np.unique(counts), name)


if __name__ == "__main__":
    unittest.main()
