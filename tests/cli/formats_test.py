#!/usr/bin/python3
"""Block formats beside llama.cpp: the same weights bit for bit, and the same model."""
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np

import hearth
import peer
from gguf_file import F32, GgufFile
from hearth import BOS, MODEL, ROOT

sys.path.insert(0, str(ROOT / "tools"))
import block_cases  # noqa: E402

RANDOM_BLOCKS = 200
F32_LOGITS = 1e-3   # largest difference where both sides compute in floats
NORMAL_ERROR = 1e-3  # normalized mean squared error of 8-bit activations

# What is compared as a whole model: types that llama.cpp can write.
WRITTEN = [f for f in block_cases.FORMATS if f[2] > 1]


def file_name(name):
    """As llama.cpp's functions spell a type."""
    return name.lower().replace("_k", "_K")


@peer.needed
class Blocks(unittest.TestCase):
    def same(self, name, blocks, want, count):
        got = peer.dequantize(file_name(name), blocks, count)
        different = np.flatnonzero(got.view("<u4") != want.view("<u4"))
        self.assertEqual(different.size, 0, f"{name}: first at weight {different[:1]}")

    def test_the_written_cases(self):
        data = block_cases.DEFAULT_PATH.read_bytes()
        names = {f[1]: f for f in block_cases.FORMATS}
        count, = struct.unpack_from("<I", data, 4)
        at = 8
        for _ in range(count):
            kind, blocks, size = struct.unpack_from("<III", data, at)
            name, _, weights, *_ = names[kind]
            at += 12 + size
            want = np.frombuffer(data, "<f4", blocks * weights, at)
            if weights > 1:
                with self.subTest(type=name):
                    self.same(name, data[at - size:at], want, blocks * weights)
            at += 4 * blocks * weights

    def test_random_blocks(self):
        for name, kind, weights, size, places, rule in block_cases.FORMATS:
            if weights == 1:
                continue
            random = block_cases.Random(4711 + kind)
            blocks = []
            while len(blocks) < RANDOM_BLOCKS:
                block = random.bytes(size)
                try:
                    want = block_cases.expected_weights(block, weights, rule)
                except (ValueError, OverflowError):
                    continue  # infinities and NaNs
                blocks.append((block, want))
            with self.subTest(type=name):
                self.same(name, b"".join(bytes(b) for b, _ in blocks),
                          np.frombuffer(b"".join(w for _, w in blocks), "<f4"),
                          RANDOM_BLOCKS * weights)


@peer.needed
class Models(hearth.Case):
    """The bundled model in each format, beside a copy that holds the same weights as F32."""

    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory(prefix="hearth-test-")
        cls.addClassCleanup(cls.made.cleanup)
        cls.original = GgufFile(MODEL.read_bytes())

    def write(self, name, kind, weights, size):
        """Two files: of matrices in the format, and of what those blocks stand for."""
        def in_format(tensor, values):
            if len(tensor.dims) == 1:
                return F32, values.astype("<f4").tobytes()
            width = tensor.dims[0]
            return kind, peer.quantize(kind, values.reshape(-1, width), width // weights * size)

        def as_floats(tensor, values):
            type_id, data = in_format(tensor, values)
            if type_id == F32:
                return F32, data
            return F32, peer.dequantize(file_name(name), data, values.size).tobytes()

        files = []
        for suffix, encode in (("", in_format), ("-f32", as_floats)):
            path = pathlib.Path(self.made.name) / f"{name}{suffix}.gguf"
            path.write_bytes(self.original.rewritten(encode))
            files.append(path)
        return files

    def check(self, name, kind, weights, size):
        file, floats = self.write(name, kind, weights, size)
        ids = [BOS, *hearth.golden()["prompts"][0]["token_ids"][1:]] * 4
        want = self.logits(floats, ids, "--kv", "f32")
        exact = self.logits(file, ids, "--kv", "f32", "--exact")
        self.assertLess(float(np.max(np.abs(exact - want))), F32_LOGITS, "with --exact")
        for level in hearth.isa_levels():
            for batch in ("1", "512"):
                got = self.logits(file, ids, "--kv", "f32", "--isa", level, "-b", batch)
                error = float(np.sum((got - want) ** 2) / np.sum(want ** 2))
                with self.subTest(type=name, isa=level, batch=batch):
                    self.assertLess(error, NORMAL_ERROR)

    def test_every_format(self):
        for name, kind, weights, size, *_ in WRITTEN:
            with self.subTest(type=name):
                self.check(name, kind, weights, size)


class RandomModels(hearth.Case):
    """Every quantized format through the whole program, without any other program."""

    def test_every_format(self):
        maker = pathlib.Path(hearth.PROGRAM).parent / "make_bench_model"
        if not maker.exists():
            self.skipTest("NOT CHECKED: make_bench_model was not built")
        ids = [BOS, *range(3, 40)]
        for name, *_ in WRITTEN:
            with self.subTest(type=name), tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder) / "model.gguf"
                subprocess.run([maker, "--shape", "tiny", "--type", name, "-o", file], check=True,
                               stderr=subprocess.DEVNULL)
                self.assertIn(name, self.succeed("show", "-m", str(file)).text)
                exact = self.logits(file, ids, "--kv", "f32", "--exact")
                normal = self.logits(file, ids, "--kv", "f32", "-t", "2")
                error = float(np.sum((normal - exact) ** 2) / np.sum(exact ** 2))
                self.assertLess(error, NORMAL_ERROR)
                pieces = self.logits(file, ids, "--kv", "f32", "-t", "1", "-b", "7")
                self.assertEqual(pieces.tobytes(), normal.tobytes())


if __name__ == "__main__":
    unittest.main()
