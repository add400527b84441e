#!/usr/bin/python3
"""The measuring scripts of bench/: what of them does not need a quiet machine."""
import importlib.machinery
import importlib.util
import json
import sys
import unittest
import xml.etree.ElementTree

import hearth

sys.path.insert(0, str(hearth.ROOT / "bench"))


def script(name):
    path = str(hearth.ROOT / "bench" / name)
    spec = importlib.util.spec_from_loader(
        name, importlib.machinery.SourceFileLoader(name, path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(model, row, ratio, **more):
    return {"tool": "compare", "model": model, "row": row, "kv": "f16", "busy": None,
            "hearth": 100.0 * ratio, "peer": 100.0, "ratio": ratio, "low": ratio - 0.1,
            "high": ratio + 0.1, "share": 0.5, "limit_is": "memory", **more}


class Tools(hearth.Case):
    def test_names_of_rows(self):
        compare = script("compare")
        self.assertEqual(compare.parse_rows("pp512,tg64,tg32@4096"),
                         {0: [("pp", 512), ("tg", 64)], 4096: [("tg", 32)]})
        self.assertEqual(compare.lengths([("pp", 512), ("pp", 128)], "pp"), "512,128")
        self.assertEqual(compare.lengths([("pp", 512)], "tg"), "0")
        with self.assertRaises(SystemExit):
            compare.parse_rows("pp")

    def test_hearth_gives_the_rows_that_compare_asks_for(self):
        compare = script("compare")
        compare.common.BIN = hearth.pathlib.Path(hearth.PROGRAM).parent
        options = type("Options", (), {"threads": 1, "kv": "f16"})
        found = compare.run_hearth(hearth.MODEL, 8, [("pp", 16), ("tg", 4)], options)
        self.assertEqual(sorted(found), ["pp16@8", "tg4@8"])

    def test_intervals_hold_the_median(self):
        median, low, high = script("compare").common.interval([1.0, 1.1, 0.9, 1.05, 0.95])
        self.assertEqual(median, 1.0)
        self.assertTrue(0.9 <= low <= median <= high <= 1.1)

    def test_the_gate(self):
        gate = script("gate")
        self.assertTrue(gate.is_worse("Q4_0 prefill 256 @0", 0.30, 0.40))
        self.assertFalse(gate.is_worse("Q4_0 prefill 256 @0", 0.38, 0.40))
        self.assertTrue(gate.is_worse("Q4_0 anonymous_bytes", 200, 100))
        self.assertFalse(gate.is_worse("Q4_0 anonymous_bytes", 50, 100))
        rows = {"Q4_0 prefill 256 @0": 0.4, "Q4_0 decode 32 @0": 0.8}
        self.assertEqual(gate.compare(rows, rows), 0)
        self.assertEqual(gate.compare({"Q4_0 prefill 256 @0": 0.2}, rows), 2, "slower, and gone")

    def test_each_gated_row_has_a_tolerance(self):
        gate = script("gate")
        known = json.loads(gate.BASELINE.read_text())
        for level in known.values():
            for name in level["rows"]:
                self.assertGreater(gate.tolerance_of(name), 0)

    def test_plots_are_well_formed(self):
        plot = script("plot")
        records = [record("1b-q4_0", "pp512", 1.5), record("1b-q8_0", "pp512", 0.8)]
        curve = [record("1b-q4_0", "tg32", 1.1), record("1b-q4_0", "tg32@4096", 1.9)]
        for drawn in (plot.ratio_bars("a <b", records), plot.share_bars("c", records),
                      plot.depth_curves("d", curve)):
            root = xml.etree.ElementTree.fromstring(drawn)
            self.assertTrue(root.tag.endswith("svg"))
            self.assertNotIn("nan", drawn)

    def test_the_last_record_of_a_row_counts(self):
        plot = script("plot")
        old, new = record("m", "pp512", 1.0), record("m", "pp512", 2.0)
        busy = record("m", "pp512", 3.0, busy="normal:1")
        self.assertEqual(plot.latest([old, new, busy]), [new])


if __name__ == "__main__":
    unittest.main()
