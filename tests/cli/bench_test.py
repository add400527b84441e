#!/usr/bin/python3
"""`hearth bench`: what it measures and how it says it. Nothing here depends on time."""
import json
import unittest

import hearth


class Bench(hearth.Case):
    def measure(self, *flags):
        return json.loads(self.succeed("bench", "--json", "-r", "1", *flags).text)

    def test_the_table(self):
        text = self.succeed("bench", "-r", "1", "-p", "32", "-n", "8").text
        for words in ("prefill", "decode", "tokens/s", "limit", "first token", "memory", "ready"):
            self.assertIn(words, text)
        self.assertTrue(all(len(line) < 200 for line in text.splitlines()))

    def test_a_row_for_each_length_and_depth(self):
        value = self.measure("-p", "16,32", "-n", "4", "-d", "40,0")
        rows = [(row["what"], row["tokens"], row["depth"]) for row in value["rows"]]
        self.assertEqual(rows, [("prefill", 16, 0), ("prefill", 32, 0), ("decode", 4, 0),
                                ("prefill", 16, 40), ("prefill", 32, 40), ("decode", 4, 40)])
        for row in value["rows"]:
            self.assertGreater(row["rate"], 0)
            self.assertEqual(len(row["runs"]), 1)
            self.assertGreater(row["limit"], 0)
            self.assertAlmostEqual(row["share"], row["rate"] / row["limit"], places=6)

    def test_sequences_together(self):
        value = self.measure("-p", "0", "-n", "4", "--npl", "1,3")
        rows = [(row["what"], row["sequences"]) for row in value["rows"]]
        self.assertEqual(rows, [("decode", 1), ("batched", 1), ("batched", 3)])

    def test_memory_and_start(self):
        value = self.measure("-p", "8", "-n", "2", "-c", "4096")
        self.assertLessEqual(value["anonymous_bytes"] + value["file_bytes"],
                             value["peak_resident_bytes"] + (8 << 20))
        self.assertLess(value["load_seconds"], value["ready_seconds"])
        self.assertLess(value["ready_seconds"], value["first_token_seconds"])
        self.assertGreater(value["read_bandwidth"], 0)

    def test_no_warning_of_answers(self):
        self.assertEqual(self.succeed("bench", "-r", "1", "-p", "600", "-n", "2").err, b"")

    def test_what_cannot_be_measured(self):
        self.assert_one_line(hearth.run("bench", "-p", "0", "-n", "0"), 2, "nothing to measure")
        self.assert_one_line(hearth.run("bench", "-d", "1,x"), 2, "whole number")
        self.assert_one_line(hearth.run("bench", "--npl", "17"), 2, "16")
        self.assert_one_line(hearth.run("bench", "-p", "64", "-c", "32"), 1, "context")


if __name__ == "__main__":
    unittest.main()
