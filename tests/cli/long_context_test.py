#!/usr/bin/python3
"""Long texts with needles in them, beside whole histories in float64 (plain_forward.py).

Needles stand at a tenth, half and nine tenths of the window, and questions for them at its end.
Logits are compared behind each needle and at the end, over rings that have come around several
times, ropes beyond their original context, and states of all that was before. Then each needle
is taken out: its question must notice, by far more than what is allowed as an error.

Sizes are normalized mean squared errors. EXACT: float sums of n terms are off by about sqrt(n)
units of 2^-24 in their own size, 1.5e-11 squared for a sum over 4096 positions if its terms all
counted alike; few do, and what attention brings is a part of the residual stream.

A cache that rounds is compared with a definition that rounds the same values, so its own loss is
no part of the difference. But a value that lies within a float's error of the middle between two
steps goes the other way: of values some 2^-20 of their size off, one in 300 where steps are 2^-11
of it, one in 8000 where they are 1/127. What is then wrong is wrong by a whole step, squared 2e-7
and 6e-5: 1e-9 and 1e-8 on average, more where the one key that a question looks for is hit. F16 and
Q8_0 leave that a factor of 10 and of 1000; rounding itself costs 1e-7 and 1e-5 to 1e-3.

Where two experts are nearly as good as each other, such a step can decide, and all that follows is
other. Tokens whose closest choice is within MARGIN, a hundredth of what router logits spread over,
are therefore not compared: one of ten.

HEARTH_FULL=1 takes windows of 16384 tokens instead of 4096, and the reference kernels too.
"""
import unittest

import numpy as np

import hearth
import long_models
import plain_forward as plain
from hearth import FULL
from long_models import CONTEXT, FILLERS, NEEDLES, ORIGINAL, QUESTIONS

PLACES = (0.1, 0.5, 0.9)
LENGTH = 5  # of a needle
EXACT, F16, Q8_0 = 1e-11, 1e-8, 1e-5
MARGIN = 0.01
NOTICED = 1e-7
DECODED = 24  # tokens at the end that are computed one by one
BEHIND = 4    # positions compared behind a needle

MODELS = (long_models.llama3_scaling, long_models.yarn, long_models.yarn_with_head_norms,
          long_models.longrope, long_models.windows_and_whole, long_models.sinks,
          long_models.latent, long_models.short_convolutions, long_models.delta_nets)


def error(got, want):
    got, want = got.astype(np.float64), want.astype(np.float64)
    return float(np.sum((got - want) ** 2) / np.sum(want ** 2))


def needle_at(place):
    return int(place * CONTEXT)


def question_at(number):
    return CONTEXT - LENGTH * (len(PLACES) - number)


def text(without=None):
    """Token ids; `without` is the number of a needle whose place fillers take."""
    draw = np.random.default_rng(7)
    ids = draw.choice(FILLERS, CONTEXT)
    for number, place in enumerate(PLACES):
        part = slice(LENGTH * number, LENGTH * (number + 1))
        if number != without:
            ids[needle_at(place):needle_at(place) + LENGTH] = NEEDLES[part]
        ids[question_at(number):question_at(number) + LENGTH] = QUESTIONS[part]
    return ids


def compared():
    """Positions: behind each needle, and the end."""
    behind = [needle_at(place) + LENGTH + i for place in PLACES for i in range(BEHIND)]
    return np.array(behind + list(range(CONTEXT - DECODED, CONTEXT)))


class LongContext(hearth.Case):
    def ways(self):
        """Cache, other flags, and the bar that logits computed so have to keep."""
        for level in hearth.isa_levels():
            if FULL or level != "reference":
                yield "f32", ("--isa", level), EXACT
        decoded = ("--decode-from", str(CONTEXT - DECODED))
        yield "f32", decoded, EXACT
        for kv, bar in (("f16", F16), ("q8_0", Q8_0)):
            yield kv, (), bar
            yield kv, decoded, bar

    def check(self, model):
        file = self.file("model.gguf", model.file())
        ids, rows = text(), compared()
        want, clear = {}, {}
        for kv in plain.CACHES:
            model.plain.cache = kv
            want[kv] = model.logits(ids, rows)
            clear[kv] = model.plain.margin(rows) > MARGIN
            self.assertGreater(np.mean(clear[kv]), 0.75)
        for kv, flags, bar in self.ways():
            with self.subTest(kv=kv, flags=flags):
                got = self.logits(file, ids, "--kv", kv, *flags)[rows]
                found = error(got[clear[kv]], want[kv][clear[kv]])
                if FULL:
                    print(f"  {model.keys['general.architecture']:10} {kv:5} {found:.1e}", *flags)
                self.assertLess(found, bar)
        if FULL:
            print("    what rounding costs:", *(f"{kv} {error(want[kv], want['f32']):.1e}"
                                                for kv in ("f16", "q8_0")))
        here = self.logits(file, ids)
        self.assertEqual(here.tobytes(), self.logits(file, ids, "-b", "96").tobytes())
        return file, here

    def noticed(self, file, here, number):
        """How much the answer to a question changes without its needle."""
        end = slice(question_at(number), question_at(number) + LENGTH)
        return error(self.logits(file, text(without=number))[end], here[end])

    def test_needles(self):
        for make in MODELS:
            with self.subTest(model=make.__name__):
                file, here = self.check(make())
                for number, place in enumerate(PLACES):
                    with self.subTest(place=place):
                        found = self.noticed(file, here, number)
                        if FULL:
                            print(f"    without the needle at {place}: {found:.1e}")
                        self.assertGreater(found, NOTICED)

    def test_what_no_layer_can_see(self):
        """Two layers of windows see two windows back: not a bit changes for what is further."""
        file, here = self.check(long_models.windows_only())
        self.assertEqual([self.noticed(file, here, number) != 0 for number in range(3)],
                         [False, False, True])

    def test_longrope_within_its_original_context(self):
        """Its short divisors, as long as the session is short, and the other ones beyond."""
        model = long_models.longrope()
        file = self.file("model.gguf", model.file())
        ids = text()[:ORIGINAL]
        rows = np.arange(ORIGINAL - DECODED, ORIGINAL)
        speeds = plain.plain_speeds(long_models.DIM, long_models.BASE)
        for context, which in ((ORIGINAL, "short"), (ORIGINAL + 1, "long")):
            with self.subTest(divisors=which):
                model.rope.speeds = speeds / model.tensors[f"rope_factors_{which}.weight"]
                got = self.logits(file, ids, "-c", str(context))[rows]
                self.assertLess(error(got, model.logits(ids, rows)), EXACT)


if __name__ == "__main__":
    unittest.main()
