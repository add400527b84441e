#!/usr/bin/python3
"""Every reference model in every block format, beside a copy that holds the same weights as F32.

What may differ, and why (sizes are normalized mean squared errors over all logits):

* The reference operations on exact activations: nothing. They expand a row and sum it in the order
  of F32 rows, so both files give the same bits.
* --exact on another level: the order of additions. A sum of n floats is off by about sqrt(n) units
  of 2^-24 in its own size, 2e-12 squared at n = 512; a few products stand behind each other, and
  norms keep relative errors as they are. Most models have 1e-13; the caps of Gemma 2 are a tanh
  that is good to 2^-23 of its cap, not of a small result, and make 1e-11. EXACT is ten times that.
* Without --exact: an activation becomes a multiple of s, the largest of its 32 over 127, and is off
  by s/2 at most (tensor/reference.h, quantize), evenly spread: s^2/12 on average. The largest of 32
  normal values is about 2.1 times their root mean square, so a product is off by
  (2.1/127)^2/12 = 2.3e-5 of its size. Ten of them stand behind each other in two layers and the
  output: 2e-4, a few times that where weights lean to one side or values have a few large ones.
  FAST is the bar that all such comparisons of this project have.

All experts of these models are always used, so no router can choose others.

A standard run takes each model and each format once or twice; HEARTH_FULL=1 takes all pairs and
prints the largest error of each format.
"""
import unittest

import numpy as np

import hearth
import peer
import requantize
from gguf_file import GgufFile
from hearth import FULL, SHARED

FOLDER = SHARED / "reference/architectures"
STRIDE = 18  # of all pairs, one in so many
EXACT = 1e-10
FAST = 1e-3


def error(got, want):
    got, want = got.astype(np.float64), want.astype(np.float64)
    return float(np.sum((got - want) ** 2) / np.sum(want ** 2))


def worst_token(got, want):
    return max(error(g, w) for g, w in zip(got, want))


def pairs(first):
    """Of models and formats."""
    models = sorted(path.stem for path in FOLDER.glob("*.gguf"))
    return [(model, name) for i, model in enumerate(models)
            for j, name in enumerate(requantize.FORMATS)
            if FULL or (i + j) % STRIDE == first]


class Grid:
    """Of a class that says what `blocks_of` rows of weights are."""

    @classmethod
    def setUpClass(cls):
        cls.worst = {}

    @classmethod
    def tearDownClass(cls):
        if not FULL:
            return
        print(f"\n{cls.__name__}, largest errors: comparisons, exact, fast, one token")
        for name, (count, *errors) in cls.worst.items():
            print(f"  {name:8} {count:3} ", *(f"{e:.1e} ({model})" for e, model in errors))

    def note(self, model, name, *errors):
        count, *old = self.worst.get(name, (0, *[(0.0, "")] * len(errors)))
        self.worst[name] = (count + 1, *(max(pair) for pair in zip(old, ((e, model)
                                                                           for e in errors))))

    def check(self, model, name):
        original = GgufFile((FOLDER / f"{model}.gguf").read_bytes())
        data = (FOLDER / f"{model}.logits").read_bytes()
        ids = np.frombuffer(data, "<i4", np.frombuffer(data, "<i4", 1)[0], 8)
        blocks, floats, count = requantize.in_format(original, name, type(self).blocks_of)
        self.assertGreater(count, 0, "no matrix is in the format")
        file, plain = self.file("blocks.gguf", blocks), self.file("floats.gguf", floats)
        want = self.logits(plain, ids, "--isa", "reference")
        self.assertTrue(np.isfinite(want).all())
        for level in hearth.isa_levels():
            with self.subTest(model=model, type=name, isa=level):
                exact = self.logits(file, ids, "--isa", level, "--exact")
                fast = self.logits(file, ids, "--isa", level)
                self.note(model, name, error(exact, want), error(fast, want),
                          worst_token(fast, want))
                if level == "reference":
                    self.assertEqual(exact.tobytes(), want.tobytes())
                self.assertLess(error(exact, want), EXACT)
                self.assertLess(error(fast, want), FAST)

    def check_pairs(self, first):
        for model, name in pairs(first):
            with self.subTest(model=model, type=name):
                self.check(model, name)


@hearth.needs_shared("reference/architectures")
@peer.needed
class Rounded(Grid, hearth.Case):
    """To what llama.cpp's library makes of the models' own weights."""
    blocks_of = requantize.rounded

    def test_pairs(self):
        self.check_pairs(STRIDE // 2)


@hearth.needs_shared("reference/architectures")
class Drawn(Grid, hearth.Case):
    """Random blocks of the same width, without any other program."""
    blocks_of = requantize.drawn

    def test_pairs(self):
        self.check_pairs(0)


if __name__ == "__main__":
    unittest.main()
