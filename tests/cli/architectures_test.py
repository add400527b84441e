#!/usr/bin/python3
"""Every architecture beside llama.cpp: tiny random models with all optional tensors."""
import pathlib
import unittest

import numpy as np

import hearth
from gguf_file import GgufFile
from hearth import SHARED

FOLDER = SHARED / "reference/architectures"
LOGITS = 1e-8      # normalized mean squared error in F32
DECODED = 1e-8     # token by token against the prompt path
DECODED_Q8 = 1e-3  # the same with a KV cache in 8 bits
PROMPT = 40        # tokens before those that are computed one by one


def error(got, want):
    got, want = got.astype(np.float64), want.astype(np.float64)
    return float(np.sum((got - want) ** 2) / np.sum(want ** 2))


def gelu(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def gelu_by_table(x):
    """As llama.cpp looks it up: argument and result in F16, beyond 10 the plain function."""
    looked_up = gelu(x.astype(np.float16).astype(np.float64)).astype(np.float16)
    return np.where(x <= -10, 0.0, np.where(x >= 10, x, looked_up.astype(np.float64)))


def starcoder2(path, ids, activation):
    """A StarCoder 2 in plain float64, straight from its definition."""
    file = GgufFile(path.read_bytes())
    tensors = {t.name: file.weights(t).astype(np.float64).reshape(t.dims[::-1])
               for t in file.tensors}
    n_layers = file.number("starcoder2.block_count")
    n_heads = file.number("starcoder2.attention.head_count")
    eps = file.number("starcoder2.attention.layer_norm_epsilon")

    def linear(x, name):
        return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]

    def norm(x, name):
        off = x - x.mean(axis=1, keepdims=True)
        scaled = off / np.sqrt((off ** 2).mean(axis=1, keepdims=True) + eps)
        return scaled * tensors[name + ".weight"] + tensors[name + ".bias"]

    def turned(x):  # [tokens][heads][dim]
        half = x.shape[2] // 2
        speeds = 10000.0 ** (-np.arange(half) / half)
        angles = np.arange(len(x))[:, None, None] * speeds
        a, b = x[:, :, :half], x[:, :, half:]
        return np.concatenate([a * np.cos(angles) - b * np.sin(angles),
                               a * np.sin(angles) + b * np.cos(angles)], axis=2)

    x = tensors["token_embd.weight"][ids]
    for layer in range(n_layers):
        block = f"blk.{layer}."
        normed = norm(x, block + "attn_norm")
        q, k, v = (linear(normed, block + part).reshape(len(ids), n_heads, -1)
                   for part in ("attn_q", "attn_k", "attn_v"))
        scores = np.einsum("qhd,khd->hqk", turned(q), turned(k)) / np.sqrt(q.shape[2])
        scores = np.where(np.tri(len(ids), dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", weights, v).reshape(len(ids), -1)
        x = x + linear(mixed, block + "attn_output")
        hidden = activation(linear(norm(x, block + "ffn_norm"), block + "ffn_up"))
        x = x + linear(hidden, block + "ffn_down")
    return norm(x, "output_norm") @ tensors["output.weight"].T


def names():
    return sorted(path.stem for path in FOLDER.glob("*.gguf")) if FOLDER.exists() else []


@hearth.needs_shared("reference/architectures")
class Architectures(hearth.Case):

    def reference(self, name):
        data = (FOLDER / f"{name}.logits").read_bytes()
        n_tokens, n_vocab = np.frombuffer(data, "<i4", 2)
        ids = np.frombuffer(data, "<i4", n_tokens, 8)
        want = np.frombuffer(data, "<f4", offset=8 + 4 * n_tokens)
        return FOLDER / f"{name}.gguf", ids, want.reshape(n_tokens, n_vocab)

    def test_logits(self):
        for name in names():
            if name == "starcoder2-dense":
                continue  # below
            model, ids, want = self.reference(name)
            for level in hearth.isa_levels():
                with self.subTest(model=name, isa=level):
                    got = self.logits(model, ids, "--isa", level)
                    self.assertEqual(got.shape, want.shape)
                    self.assertLess(error(got, want), LOGITS)

    def test_starcoder2_is_what_its_definition_says(self):
        """llama.cpp takes GELU from a table in F16, which alone is 1.6e-8 on this model."""
        model, ids, of_llama_cpp = self.reference("starcoder2-dense")
        exact = starcoder2(model, ids, gelu)
        for level in hearth.isa_levels():
            with self.subTest(isa=level):
                self.assertLess(error(self.logits(model, ids, "--isa", level), exact), 1e-11)
        # A hundredth of the difference is left: the table is not rounded just like this.
        self.assertLess(error(of_llama_cpp, starcoder2(model, ids, gelu_by_table)), 1e-9)

    @unittest.expectedFailure
    def test_starcoder2_beside_llama_cpp(self):
        """The bar stays; see above for what stands in the way."""
        model, ids, want = self.reference("starcoder2-dense")
        self.assertLess(error(self.logits(model, ids), want), LOGITS)

    def test_chunks_do_not_change_a_bit(self):
        for name in names():
            model, ids, _ = self.reference(name)
            whole = self.logits(model, ids)
            for batch in ("1", "7"):
                with self.subTest(model=name, batch=batch):
                    self.assertEqual(self.logits(model, ids, "-b", batch).tobytes(),
                                     whole.tobytes())

    def test_token_by_token(self):
        for name in names():
            model, ids, _ = self.reference(name)
            plain = self.logits(model, ids)
            for kv, bar in (("f32", DECODED), ("f16", DECODED), ("q8_0", DECODED_Q8)):
                with self.subTest(model=name, kv=kv):
                    got = self.logits(model, ids, "--decode-from", str(PROMPT), "--kv", kv)
                    # F16 rounds keys by 1.4e-4, which squared is above the bar for some models.
                    want = self.logits(model, ids, "--kv", kv) if kv == "f16" else plain
                    self.assertLess(error(got, want), bar)


if __name__ == "__main__":
    unittest.main()
