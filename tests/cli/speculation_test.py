#!/usr/bin/python3
"""Guessing ahead changes how fast an answer comes and nothing in it."""
import itertools
import json
import unittest

import hearth
from hearth import MODEL, SHARED

PROMPTS = (
    "Tom said, \"I want the big red ball.\" Lily said, \"No, I want the big red ball.\" Tom said,",
    "The cat sat. The dog sat. The cat sat. The dog",
    "Once upon a time",
)
USAGE, FAILED = 2, 1


class Speculation(hearth.Case):
    def answer(self, prompt, *flags):
        done = self.succeed("run", "-p", prompt, "-q", "--json", "-n", "80", *flags)
        return json.loads(done.text)

    def check_same(self, prompt, guessing, *flags):
        plain = self.answer(prompt, "--speculation", "off", *flags)
        self.assertEqual(plain["guessed_tokens"], 0)
        guessed = self.answer(prompt, *guessing, *flags)
        for key in ("text", "finish", "answer_tokens"):
            self.assertEqual(guessed[key], plain[key])
        self.assertLessEqual(guessed["accepted_tokens"], guessed["guessed_tokens"])
        return guessed["accepted_tokens"]

    def test_the_same_answer(self):
        right = 0
        for prompt, kv, flags in itertools.product(
                PROMPTS, ("f16", "f32"),
                (("--temp", "0"), ("-s", "3"),
                 ("-s", "4", "--temp", "1.3", "--repeat-penalty", "1.2"),
                 ("--temp", "0", "--stop", "ball", "--stop", "sat. The"),
                 ("--temp", "0", "--ignore-eos", "-c", "60"))):
            for most in ("1", "4", "15"):
                with self.subTest(prompt=prompt, kv=kv, flags=flags, most=most):
                    right += self.check_same(prompt, ("--draft-max", most), "--kv", kv, *flags)
        self.assertGreater(right, 100)

    def test_a_draft_model(self):
        for flags in (("--temp", "0"), ("-s", "3")):
            for name in ("-md", "--model-draft"):
                self.assertGreater(self.check_same(PROMPTS[0], (name, str(MODEL)), *flags), 30)

    @hearth.needs_shared("models/stories260K-f32.gguf")
    def test_a_draft_model_of_another_vocabulary(self):
        other = str(SHARED / "models/stories260K-f32.gguf")
        done = hearth.run("run", "-p", "Once", "-q", "-md", other)
        self.assert_one_line(done, USAGE, "vocabulary")

    def test_no_guesses_at_all(self):
        for flags in (("--draft-max", "0"), ("--draft-max", "3", "--draft-min", "4")):
            self.assertEqual(self.check_same(PROMPTS[1], flags, "--temp", "0"), 0)

    def test_bad_flags(self):
        for flags, word in ((("--speculation", "wishes"), "ngram"),
                            (("--speculation", "draft"), "-md"), (("--draft-max", "16"), "15")):
            with self.subTest(flags):
                self.assert_one_line(hearth.run("run", "-p", "Once", *flags), USAGE, word)
        done = hearth.run("run", "-p", "Once", "-md", "no-such.gguf")
        self.assert_one_line(done, FAILED, "no-such.gguf")


if __name__ == "__main__":
    unittest.main()
