#!/usr/bin/python3
"""Every architecture beside what llama.cpp computes: tiny random models with all optional tensors."""
import pathlib
import unittest

import numpy as np

import hearth
from hearth import SHARED

FOLDER = SHARED / "reference/architectures"
LOGITS = 1e-8      # normalized mean squared error in F32
DECODED = 1e-8     # token by token against the prompt path
DECODED_Q8 = 1e-3  # the same with a KV cache in 8 bits
PROMPT = 40        # tokens before those that are computed one by one


def error(got, want):
    got, want = got.astype(np.float64), want.astype(np.float64)
    return float(np.sum((got - want) ** 2) / np.sum(want ** 2))


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
            model, ids, want = self.reference(name)
            for level in hearth.isa_levels():
                with self.subTest(model=name, isa=level):
                    got = self.logits(model, ids, "--isa", level)
                    self.assertEqual(got.shape, want.shape)
                    self.assertLess(error(got, want), LOGITS)

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
            want = self.logits(model, ids)
            for kv, bar in (("f32", DECODED), ("f16", DECODED), ("q8_0", DECODED_Q8)):
                flags = ("--kv", kv) if kv != "f32" else ()
                with self.subTest(model=name, kv=kv):
                    got = self.logits(model, ids, "--decode-from", str(PROMPT), *flags)
                    self.assertLess(error(got, want), bar)


if __name__ == "__main__":
    unittest.main()
