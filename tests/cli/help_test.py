#!/usr/bin/python3
"""The first minutes with the program: its help, what it tells of itself and of models."""
import json
import re
import unittest

import hearth
from hearth import MODEL

COMMANDS = ("run", "chat", "show", "convert", "tokenize", "template", "logits", "perplexity",
            "compare", "imatrix", "quantize", "bench", "doctor")


class Help(hearth.Case):
    def test_the_program(self):
        for flag in ("--help", "-h"):
            done = self.succeed(flag)
            self.assertEqual(done.err, b"")
            for command in COMMANDS:
                self.assertRegex(done.text, rf"(?m)^  {command} +\S+ \S+")
            self.assertIn("Examples:", done.text)

    def test_each_flag_is_described(self):
        for command in COMMANDS:
            done = self.succeed(command, "--help")
            self.assertEqual(done.err, b"")
            lines = done.text.splitlines()
            flags = [i for i, line in enumerate(lines) if re.match(r"  -", line)]
            self.assertGreater(len(flags), 1)
            for i in flags:
                with self.subTest(command=command, flag=lines[i].strip()):
                    parts = re.split(r"\s{2,}|(?<=\S) (?=[A-Z][a-z])", lines[i].strip(), maxsplit=1)
                    words = parts[1] if len(parts) > 1 else lines[i + 1].strip()
                    self.assertGreaterEqual(len(words.split()), 2, words)

    def test_help_speaks_of_values_as_people_do(self):
        for command in COMMANDS:
            text = self.succeed(command, "--help").text
            self.assertNotIn("1099511627776", text)
            self.assertNotRegex(text, r"\d{12}|INT in \[")

    def test_version(self):
        done = self.succeed("--version")
        self.assertRegex(done.text, r"^(hearth )?\d+\.\d+\.\d+\n$")
        self.assertEqual(done.err, b"")


class Show(hearth.Case):
    def test_text(self):
        done = self.succeed("show")
        for words in ("llama", "5.8 M", "Q8_0", "4096 tokens", "512 tokens", "6.2 MB"):
            self.assertIn(words, done.text)
        self.assertEqual(done.err, b"")
        self.assertNotIn("..", done.text.splitlines()[0])
        named = self.succeed("show", str(MODEL)).text
        self.assertEqual(named, self.succeed("show", "-m", str(MODEL)).text)
        self.assertEqual(named.splitlines()[0], str(MODEL))

    def test_json(self):
        value = json.loads(self.succeed("show", "--json", str(MODEL)).text)
        self.assertTrue(value["runs"])
        self.assertEqual(value["bytes"], MODEL.stat().st_size)
        self.assertEqual((value["architecture"], value["layers"], value["context"],
                          value["vocabulary"]), ("llama", 6, 512, 4096))
        self.assertEqual(sum(f["weights"] for f in value["formats"].values()), value["parameters"])

    def test_keys_and_tensors(self):
        text = self.succeed("show", "--keys", "--tensors").text
        self.assertIn("llama.block_count = 6", text)
        self.assertIn("tokenizer.ggml.tokens = 4096 x", text)
        self.assertRegex(text, r"blk\.5\.ffn_down\.weight +Q8_0 +768 x 256")

    @hearth.needs_shared("vocab/gpt-2.gguf")
    def test_a_file_without_weights(self):
        path = str(hearth.SHARED / "vocab/gpt-2.gguf")
        self.assertIn("cannot run", self.succeed("show", path).text)
        self.assertTrue(self.succeed("tokenize", "--ids", "-m", path, "Hello world").text.strip())
        self.assert_one_line(hearth.run("run", "-m", path, "x"), 1)


class Doctor(hearth.Case):
    def test_what_it_finds(self):
        done = self.succeed("doctor")
        self.assertEqual(done.err, b"")
        for words in ("processor", "threads", "kernels", "memory", "model", "tokens/s"):
            self.assertIn(words, done.text)
        self.assertNotIn("BROKEN", done.text)
        self.assertTrue(all(level in done.text for level in hearth.isa_levels()))

    def test_a_model_that_is_not_there(self):
        done = hearth.run("doctor", "-m", "none.gguf")
        self.assertIn("no such file", done.text + done.err.decode())
        self.assertEqual(done.code, 1)


if __name__ == "__main__":
    unittest.main()
