#!/usr/bin/python3
"""The same request gives the same bytes: on any number of threads, however the prompt is cut, and
whatever else runs beside it."""
import itertools
import json
import pathlib
import tempfile
import unittest

import hearth
from gguf_file import GgufFile
from hearth import BOS, MODEL, SHARED

PROMPT_TOKENS = 200
THREADS = ("1", "2", "3")
BATCHES = ("1", "7", "64", "512")


class Same(hearth.Case):
    @classmethod
    def setUpClass(cls):
        made = tempfile.TemporaryDirectory(prefix="hearth-test-")
        cls.addClassCleanup(made.cleanup)
        cls.plain = pathlib.Path(made.name) / "plain-f32.gguf"
        cls.plain.write_bytes(GgufFile(MODEL.read_bytes()).as_f32())
        golden = hearth.golden()
        cls.ids = [BOS, *golden["perplexity"]["val_pd"]["token_ids"][:PROMPT_TOKENS - 1]]
        cls.story = "".join(p["prompt"] + p["greedy_text"] + "\n" for p in golden["prompts"])

    def check_logits(self, model, threads, batches, *flags):
        first = self.logits(model, self.ids, "-t", threads[0], "-b", batches[-1], *flags)
        for t, b in itertools.product(threads, batches):
            with self.subTest(threads=t, batch=b, flags=flags):
                again = self.logits(model, self.ids, "-t", t, "-b", b, *flags)
                self.assertEqual(first.tobytes(), again.tobytes(), "logits differ in some bit")

    def greedy(self, model, *flags):
        return self.succeed("run", "-m", str(model), "--temp", "0", "-n", "60", "-q", *flags,
                            stdin=self.story.encode()).text

    def check_greedy(self, model):
        for kv in ("q8_0", "f16", "f32"):
            first = self.greedy(model, "--kv", kv)
            self.assertTrue(first.strip())
            for t, b in itertools.product(THREADS, BATCHES):
                with self.subTest(threads=t, batch=b, kv=kv):
                    self.assertEqual(self.greedy(model, "-t", t, "-b", b, "--kv", kv), first)

    def test_logits_q8_0(self):
        self.check_logits(MODEL, THREADS, BATCHES)

    def test_logits_with_each_cache(self):
        for kv in ("f16", "q8_0"):
            self.check_logits(MODEL, THREADS, BATCHES, "--kv", kv)

    def test_logits_of_a_long_prompt(self):
        """Longer than a chunk of attention (512)."""
        self.ids = [*self.ids, *self.ids, *self.ids]
        self.check_logits(MODEL, ("1", "3"), ("5", "512"), "--kv", "q8_0")

    def test_logits_f32(self):
        self.check_logits(self.plain, THREADS, BATCHES)

    def test_logits_on_each_level(self):
        for level in hearth.isa_levels():
            for model in (MODEL, self.plain):
                self.check_logits(model, ("1", "3"), ("1", "64"), "--isa", level)

    @hearth.needs_shared("models/stories260K-f32.gguf")
    def test_logits_of_another_model(self):
        self.ids = [i % 512 for i in self.ids]
        self.check_logits(SHARED / "models/stories260K-f32.gguf", THREADS, BATCHES)

    def test_a_longer_context_changes_nothing(self):
        first = self.logits(MODEL, self.ids)
        self.assertEqual(first.tobytes(), self.logits(MODEL, self.ids, "-c", "3000").tobytes())

    def test_what_comes_later_changes_nothing(self):
        whole = self.logits(MODEL, self.ids)
        part = self.logits(MODEL, self.ids[:150])
        self.assertEqual(whole[:150].tobytes(), part.tobytes())

    def test_greedy(self):
        self.check_greedy(MODEL)
        self.check_greedy(self.plain)

    def test_others_at_the_same_time(self):
        args = ("run", "--seed", "5", "-n", "200", "--ignore-eos", "-q", "Once")
        alone = self.succeed(*args).text
        crowd = [hearth.start(*args) for _ in range(6)]
        for process in crowd:
            self.assertEqual(self.end(process).out.decode(), alone)


class Seeds(hearth.Case):
    def say(self, *flags):
        return self.succeed("run", "-n", "60", "-q", *flags, "-p", "Once upon a time").text

    def test_the_same_seed_gives_the_same_text(self):
        for flags in ((), ("--temp", "1.5", "--top-k", "0", "--top-p", "1", "--min-p", "0"),
                      ("--repeat-penalty", "1.3", "--presence-penalty", "0.5")):
            with self.subTest(flags=flags):
                first = self.say("--seed", "42", *flags)
                for t, b in itertools.product(THREADS, BATCHES):
                    self.assertEqual(self.say("-s", "42", "-t", t, "-b", b, *flags), first)

    def test_other_seeds_give_other_texts(self):
        self.assertEqual(len({self.say("--seed", str(seed)) for seed in range(12)}), 12)

    def test_no_seed_gives_another_text_each_time(self):
        self.assertGreater(len({self.say() for _ in range(6)}), 1)

    def test_the_seed_that_was_drawn_replays(self):
        drawn = json.loads(self.succeed("run", "--json", "-n", "40", "-q", "Once").text)
        again = self.succeed("run", "-n", "40", "-q", "--seed", str(drawn["seed"]), "Once").text
        self.assertEqual(again, drawn["text"])

    def test_extreme_seeds(self):
        biggest = str(2 ** 64 - 1)
        self.assertEqual(self.say("--seed", biggest), self.say("--seed", biggest))
        self.assertNotEqual(self.say("--seed", biggest), self.say("--seed", "0"))

    def test_temperature_0_needs_no_seed(self):
        self.assertEqual(len({self.say("--temp", "0", "-s", str(s)) for s in range(4)}), 1)

    def test_top_k_1_is_greedy(self):
        self.assertEqual(self.say("--top-k", "1", "-s", "3"), self.say("--temp", "0"))


if __name__ == "__main__":
    unittest.main()
