#!/usr/bin/python3
"""LoRA adapters beside models into whose weights they were added."""
import json
import unittest

import numpy as np

import gguf_file
import hearth
from gguf_file import F32, GgufFile
from hearth import BOS, MODEL, SHARED

ERROR = 1e-9  # normalized, squared: the same numbers, added up in another order
IDS = [BOS, *range(3, 60)]
FOLDER = SHARED / "reference/architectures"
LAYER_PARTS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def error(got, want):
    got, want = got.astype(np.float64), want.astype(np.float64)
    return float(np.sum((got - want) ** 2) / np.sum(want ** 2))


def adapter_values(architecture, alpha):
    return {"general.type": "adapter", "general.architecture": architecture,
            "adapter.type": "lora", "adapter.lora.alpha": float(alpha)}


class Adapter:
    """Random matrices for tensors {name: shape as NumPy has it}, and what they add to each."""

    def __init__(self, shapes, rank=8, alpha=16.0, seed=1, architecture="llama"):
        rng = np.random.default_rng(seed)
        self.tensors, self.added = {}, {}
        for name, shape in shapes.items():
            *count, rows, columns = shape
            a = rng.normal(0, 1 / np.sqrt(columns), (*count, rank, columns)).astype("<f4")
            b = rng.normal(0, 0.3 / np.sqrt(rank), (*count, rows, rank)).astype("<f4")
            self.added[name] = b.astype(np.float64) @ a.astype(np.float64) * (
                alpha / rank if alpha else 1)
            if name == "token_embd.weight":  # a row for each token
                self.added[name] = self.added[name] * 3
                b, a = (a.swapaxes(-1, -2) * 3).copy(), b
            self.tensors[name + ".lora_a"] = a
            self.tensors[name + ".lora_b"] = b
        self.data = gguf_file.make(adapter_values(architecture, alpha), self.tensors)


def merged(file, adapters):
    """The model with the products in its weights; adapters are (adapter, scale)."""
    def encode(tensor, values):
        sums = values.astype(np.float64).reshape(tensor.dims[::-1])
        for adapter, scale in adapters:
            sums = sums + scale * adapter.added.get(tensor.name, 0)
        return F32, sums.astype("<f4").tobytes()
    return file.rewritten(encode)


def shapes_of(file, wanted):
    return {t.name: t.dims[::-1] for t in file.tensors
            if len(t.dims) > 1 and any(part in t.name for part in wanted)}


class BesideMergedWeights(hearth.Case):

    @classmethod
    def setUpClass(cls):
        cls.base = GgufFile(GgufFile(MODEL.read_bytes()).as_f32())
        shapes = shapes_of(cls.base, LAYER_PARTS)
        cls.one = Adapter(shapes)
        cls.other = Adapter({name: shape for name, shape in shapes.items()
                             if "attn_v" in name or "blk.2." in name}, rank=3, alpha=0, seed=2)

    def setUp(self):
        super().setUp()
        self.model = self.file("base.gguf", self.base.data)
        self.paths = [self.file(name, adapter.data) for name, adapter in
                      (("one.gguf", self.one), ("other.gguf", self.other))]

    def numbers(self, *flags, model=None):
        return self.logits(model or self.model, IDS, "--exact", *flags)

    def wanted(self, *adapters):
        return self.numbers(model=self.file("merged.gguf", merged(self.base, adapters)))

    def test_one(self):
        want = self.wanted((self.one, 1))
        self.assertGreater(error(self.numbers(), want), 1e-2)
        for level in hearth.isa_levels():
            for flags in ((), ("--decode-from", "20"), ("-b", "7")):
                with self.subTest(isa=level, flags=flags):
                    got = self.numbers("--lora", self.paths[0], "--isa", level, *flags)
                    self.assertLess(error(got, want), ERROR)

    def test_several_with_scales(self):
        want = self.wanted((self.one, 0.5), (self.other, -1.25))
        flags = ("--lora-scaled", self.paths[0] + ":0.5", "--lora-scaled", self.paths[1] + ":-1.25")
        self.assertLess(error(self.numbers(*flags), want), ERROR)
        both = self.wanted((self.one, 1), (self.other, 1))
        for flags in (("--lora", ",".join(self.paths)),
                      ("--lora", self.paths[0], "--lora", self.paths[1])):
            self.assertLess(error(self.numbers(*flags), both), ERROR)

    def test_none_of_it(self):
        self.assertEqual(self.numbers("--lora-scaled", self.paths[0] + ":0").tobytes(),
                         self.numbers().tobytes())

    def test_threads_and_chunks_do_not_change_a_bit(self):
        for kind in ((), ("--exact",)):
            flags = (*kind, "--lora", self.paths[0], "--lora", self.paths[1])
            whole = self.logits(self.model, IDS, *flags, "-t", "1", "-b", "512")
            for threads, batch in (("2", "512"), ("3", "1"), ("2", "33")):
                got = self.logits(self.model, IDS, *flags, "-t", threads, "-b", batch)
                self.assertEqual(got.tobytes(), whole.tobytes())

    def test_on_a_quantized_model(self):
        """The fast path of 8-bit weights; the adapter itself is not rounded."""
        base = GgufFile(MODEL.read_bytes())
        want = self.logits(self.file("merged.gguf", merged(base, [(self.one, 1)])), IDS)
        got = self.logits(MODEL, IDS, "--lora", self.paths[0])
        self.assertLess(error(got, want), 1e-3)
        self.assertGreater(error(self.logits(MODEL, IDS), want), 1e-2)

    def test_embedding(self):
        """Untied: the output is a matrix of its own here."""
        adapter = Adapter(shapes_of(self.base, ["token_embd"]), rank=4, alpha=4)
        tensors = {t.name: self.base.weights(t).reshape(t.dims[::-1]) for t in self.base.tensors}
        values = {key: value for key, (_, value) in self.base.values.items()
                  if not key.startswith("tokenizer.")}
        values["tokenizer.ggml.model"] = "no_vocab"
        tensors["output.weight"] = tensors["token_embd.weight"].copy()
        model = self.file("untied.gguf", gguf_file.make(values, tensors))
        tensors["token_embd.weight"] = (tensors["token_embd.weight"] +
                                        adapter.added["token_embd.weight"])
        want = self.numbers(model=self.file("sum.gguf", gguf_file.make(values, tensors)))
        path = self.file("embedding.gguf", adapter.data)
        self.assertLess(error(self.numbers("--lora", path, model=model), want), ERROR)
        self.assertGreater(error(self.numbers(model=model), want), 1e-2)

    def test_other_commands(self):
        text = self.file("text.txt", "Once upon a time there was a big dog. " * 60)
        plain, adapted = (
            json.loads(self.succeed("perplexity", "-m", self.model, "-f", text, "-c", "64",
                                    "--json", *flags).text)["perplexity"]
            for flags in ((), ("--lora", self.paths[0])))
        self.assertNotAlmostEqual(plain, adapted, places=2)
        said = [self.succeed("run", "-m", self.model, "-p", "Once", "-n", "20", "--temp", "0",
                             *flags).out for flags in ((), ("--lora", self.paths[0]))]
        self.assertNotEqual(*said)
        talk = self.succeed("chat", "-m", self.model, "--lora", self.paths[0], "-n", "5",
                            stdin=b"Hello\n/exit\n")
        self.assertTrue(talk.out)

    def test_show(self):
        said = self.succeed("show", "-m", self.paths[0]).text
        for word in ("adapter", "alpha 16"):
            self.assertIn(word, said)


class WhatCannotBe(hearth.Case):

    def setUp(self):
        super().setUp()
        self.shapes = {"blk.0.attn_q.weight": (256, 256)}

    def refused(self, adapter, *words):
        path = self.file("adapter.gguf", adapter)
        done = hearth.run("run", "-p", "x", "-n", "1", "--lora", path)
        self.assertIn(done.code, (1, 2))
        self.assert_one_line(done, done.code, "adapter.gguf", *words)

    def make(self, values=None, **changes):
        adapter = Adapter(self.shapes)
        for name, value in changes.items():
            key = f"blk.0.attn_q.weight.{name}"
            if value is None:
                del adapter.tensors[key]
            else:
                adapter.tensors[key] = value
        return gguf_file.make(values or adapter_values("llama", 16), adapter.tensors)

    def test_files(self):
        values = adapter_values("llama", 16)
        self.refused(MODEL.read_bytes(), "no LoRA adapter")
        self.refused(self.make({**values, "adapter.type": "other"}), "no LoRA adapter", "other")
        self.refused(self.make(adapter_values("gemma3", 16)), "gemma3", "llama")
        self.refused(self.make({**values, "adapter.lora.alpha": float("nan")}), "alpha")
        self.refused(self.make({**values, "adapter.alora.invocation_tokens": [1, 2]}), "alora")
        self.refused(gguf_file.make(values, {}), "no matrices")
        self.refused(gguf_file.make(values, {"blk.0.x": np.ones((2, 2))}), "blk.0.x")

    def test_matrices(self):
        self.refused(self.make(lora_b=None), "lora_b", "missing")
        self.refused(self.make(lora_a=np.ones((8, 128))), "attn_q", "shape")
        self.refused(self.make(lora_b=np.ones((256, 4))), "attn_q", "shape")
        self.refused(self.make(lora_b=np.ones((2, 256, 8))), "attn_q", "shape")
        for name, words in (("blk.77.attn_q.weight", ("blk.77", "has not")),
                            ("output_norm.weight", ("output_norm",)),
                            ("output.weight", ("output.weight", "has not"))):
            rank = {name + ".lora_a": np.ones((2, 256)), name + ".lora_b": np.ones((256, 2))}
            self.refused(gguf_file.make(adapter_values("llama", 2), rank), *words)

    def test_cut_anywhere(self):
        whole = self.make()
        for size in range(0, len(whole), 331):
            done = hearth.run("run", "-p", "x", "-n", "1", "--lora",
                              self.file("adapter.gguf", whole[:size]))
            self.assert_one_line(done, 1, "adapter.gguf")

    def test_flags(self):
        path = self.file("adapter.gguf", self.make())
        for text in (path, path + ":", path + ":much", ":0.5", path + ":inf"):
            done = hearth.run("run", "-p", "x", "--lora-scaled", text)
            self.assert_one_line(done, 2, "--lora-scaled", "FILE:SCALE")
        done = hearth.run("run", "-p", "x", *["--lora", path] * 17)
        self.assert_one_line(done, 2, "17", "16")
        self.assert_one_line(hearth.run("run", "-m", path, "-p", "x"), 1, "adapter", "--lora")


@hearth.needs_shared("reference/architectures")
class Architectures(hearth.Case):
    """Everything that adapters may change, in every family."""

    def test_all_matrices(self):
        for path in sorted(FOLDER.glob("*.gguf")):
            base = GgufFile(path.read_bytes())
            architecture = base.values["general.architecture"][1]
            shapes = {t.name: t.dims[::-1] for t in base.tensors
                      if len(t.dims) > 1 and t.name.endswith(".weight") and
                      not any(part in t.name for part in ("token_embd", "conv", "attn_k_b",
                                                          "attn_v_b", "ssm_a"))}
            adapter = Adapter(shapes, rank=5, alpha=5, architecture=architecture)
            with self.subTest(model=path.stem):
                lora = self.file("adapter.gguf", adapter.data)
                want = self.logits(self.file("merged.gguf", merged(base, [(adapter, 0.7)])), IDS)
                for flags in ((), ("--decode-from", "20")):
                    got = self.logits(path, IDS, "--lora-scaled", lora + ":0.7", *flags)
                    self.assertLess(error(got, want), ERROR)
                self.assertGreater(error(self.logits(path, IDS), want), 1e-4)


if __name__ == "__main__":
    unittest.main()
