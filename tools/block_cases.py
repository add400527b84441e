#!/usr/bin/python3
"""Writes tests/data/blocks.bin: blocks of every format with the weights they stand for.

The weights come from block_rules.py, exact in float64, and are rounded once to float32 at the end.

    tools/block_cases.py            write the file
    tools/block_cases.py --check    fail when the file is not what this script would write

Layout, little endian, without padding:

    char[4]  "HBLK"
    u32      number of cases
    per case:
        u32      id of the tensor type
        u32      number of blocks
        u32      number of bytes that follow
        u8[]     the blocks
        f32[]    blocks * weights per block expected weights
"""

import argparse
import pathlib
import struct
import sys

import block_rules as rules
from block_rules import F16_SIGN, u16

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT_PATH = ROOT / "tests" / "data" / "blocks.bin"

RANDOM_BLOCKS = 6
F16_ONE = 0x3C00
F16_SMALLEST = 0x0001  # a subnormal number
F16_LARGEST = 0x7BFF


# name, type id, weights, bytes, places of the f16 scales, rule. In F16 and BF16 a block is one
# value, so there is no scale to choose: value_blocks makes theirs; spread_blocks and byte_blocks
# make those whose scales are no f16 in one place.
FORMATS = (
    ("F16", 1, 1, 2, None, rules.weight_f16),
    ("BF16", 30, 1, 2, None, rules.weight_bf16),
    ("Q8_0", 8, 32, 34, (0,), rules.weight_q8_0),
    ("Q4_0", 2, 32, 18, (0,), rules.weight_q4_0),
    ("Q4_1", 3, 32, 20, (0, 2), rules.weight_q4_1),
    ("Q5_0", 6, 32, 22, (0,), rules.weight_q5_0),
    ("Q5_1", 7, 32, 24, (0, 2), rules.weight_q5_1),
    ("Q2_K", 10, 256, 84, (80, 82), rules.weight_q2_k),
    ("Q3_K", 11, 256, 110, (108,), rules.weight_q3_k),
    ("Q4_K", 12, 256, 144, (0, 2), rules.weight_q4_k),
    ("Q5_K", 13, 256, 176, (0, 2), rules.weight_q5_k),
    ("Q6_K", 14, 256, 210, (208,), rules.weight_q6_k),
    ("IQ1_S", 19, 256, 50, (0,), rules.weight_iq1_s),
    ("IQ1_M", 29, 256, 56, None, rules.weight_iq1_m),
    ("IQ2_XXS", 16, 256, 66, (0,), rules.weight_iq2_xxs),
    ("IQ2_XS", 17, 256, 74, (0,), rules.weight_iq2_xs),
    ("IQ2_S", 22, 256, 82, (0,), rules.weight_iq2_s),
    ("IQ3_XXS", 18, 256, 98, (0,), rules.weight_iq3_xxs),
    ("IQ3_S", 21, 256, 110, (0,), rules.weight_iq3_s),
    ("IQ4_NL", 20, 32, 18, (0,), rules.weight_iq4_nl),
    ("IQ4_XS", 23, 256, 136, (0,), rules.weight_iq4_xs),
    ("TQ1_0", 34, 256, 54, (52,), rules.weight_tq1_0),
    ("TQ2_0", 35, 256, 66, (64,), rules.weight_tq2_0),
    ("MXFP4", 39, 32, 17, None, rules.weight_mxfp4),
    ("NVFP4", 40, 64, 36, None, rules.weight_nvfp4),
    ("Q1_0", 41, 128, 18, (0,), rules.weight_q1_0),
    ("Q2_0", 42, 64, 18, (0,), rules.weight_q2_0),
)


# ---- the blocks ----

class Random:
    """A 64-bit linear congruential generator: the same bytes on every machine and Python."""

    def __init__(self, seed):
        self.state = seed

    def bits(self, count):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        return self.state >> 64 - count

    def bytes(self, count):
        return bytearray(self.bits(8) for _ in range(count))

    def f16_bits(self, negative):
        """A scale between 2^-10 and 2^-2 with any fraction."""
        return (F16_SIGN if negative else 0) | 5 + self.bits(3) << 10 | self.bits(10)


def with_scales(block, places, bits):
    for at, value in zip(places, bits):
        block[at:at + 2] = struct.pack("<H", value)
    return block


def quant_blocks(random, size, places):
    blocks = []
    for n in range(RANDOM_BLOCKS):
        # The signs of the two scales change at different rates, so all four pairs occur.
        scales = [random.f16_bits(n >> k & 1) for k in range(len(places))]
        blocks.append(with_scales(random.bytes(size), places, scales))
    blocks.append(bytearray(size))
    for bits in (F16_SMALLEST, F16_SIGN | F16_SMALLEST, F16_LARGEST, F16_SIGN | F16_LARGEST):
        blocks.append(with_scales(random.bytes(size), places, [bits] * len(places)))
    # The two scales as far apart as they can be: the difference must not lose the small one early.
    blocks.append(with_scales(random.bytes(size), places, [F16_SMALLEST, F16_LARGEST]))
    blocks.append(with_scales(random.bytes(size), places, [F16_LARGEST, F16_SMALLEST]))
    blocks.append(with_scales(bytearray(b"\xff" * size), places, [F16_ONE] * len(places)))
    return blocks


def spread_blocks(random):
    """IQ1_M: the f16 stands in the tops of four words."""
    def block(bits, filling):
        for k in range(4):
            at = 48 + 2 * k
            word = u16(filling, at) & 0xFFF | (bits >> 4 * k & 15) << 12
            filling[at:at + 2] = struct.pack("<H", word)
        return filling
    scales = [random.f16_bits(n % 2) for n in range(RANDOM_BLOCKS)]
    scales += [F16_SMALLEST, F16_SIGN | F16_SMALLEST, F16_LARGEST, F16_SIGN | F16_LARGEST]
    return ([block(bits, random.bytes(56)) for bits in scales] + [bytearray(56)]
            + [block(F16_ONE, bytearray(b"\xff" * 56))])


def byte_blocks(random, name):
    """MXFP4 and NVFP4: scales of a byte. MXFP4's largest are left out, whose weights no float32
    can hold."""
    if name == "MXFP4":
        scales = [bytes([e]) for e in (0, 1, 2, 3, 100, 120, 124, 127, 128, 200, 251)]
        size = 17
    else:
        # Every byte that a scale can be.
        scales = [bytes(range(first, first + 4)) for first in range(0, 256, 4)]
        size = 36
    blocks = [bytearray(scale) + random.bytes(size - len(scale)) for scale in scales]
    # Every value.
    values = bytearray(low_half | 15 - low_half << 4 for low_half in range(16))
    blocks.append(bytearray(scales[-8]) + (values * 2)[:size - len(scales[0])])
    return blocks


def value_blocks(random, name):
    """Single values: the corners of the format, then random finite ones."""
    if name == "F16":
        corners = (0x0000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0x3555, F16_LARGEST)
        infinite = 0x7C00
    else:
        corners = (0x0000, 0x0001, 0x007F, 0x0080, 0x3F80, 0x3EAB, 0x7F7F)
        infinite = 0x7F80
    values = [sign | bits for bits in corners for sign in (0, 0x8000)]
    while len(values) < 256:
        bits = random.bits(16)
        if bits & infinite != infinite:
            values.append(bits)
    return [bytearray(struct.pack("<H", bits)) for bits in values]


def expected_weights(block, weights, rule):
    return struct.pack(f"<{weights}f", *(rule(block, i) for i in range(weights)))


def build():
    out = [b"HBLK", struct.pack("<I", len(FORMATS))]
    for name, type_id, weights, size, places, rule in FORMATS:
        random = Random(0x48424C4B + type_id)
        if places is not None:
            blocks = quant_blocks(random, size, places)
        elif name == "IQ1_M":
            blocks = spread_blocks(random)
        elif weights > 1:
            blocks = byte_blocks(random, name)
        else:
            blocks = value_blocks(random, name)
        out.append(struct.pack("<III", type_id, len(blocks), len(blocks) * size))
        out.extend(bytes(block) for block in blocks)
        out.extend(expected_weights(block, weights, rule) for block in blocks)
    return b"".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--file", type=pathlib.Path, default=DEFAULT_PATH)
    args = parser.parse_args()
    data = build()
    if not args.check:
        args.file.parent.mkdir(parents=True, exist_ok=True)
        args.file.write_bytes(data)
        print(f"{args.file}: {len(FORMATS)} formats, {len(data)} bytes")
        return 0
    if args.file.read_bytes() != data:
        print(f"{args.file} differs from the definition: run tools/block_cases.py", file=sys.stderr)
        return 1
    print(f"{args.file}: as defined")
    return 0


if __name__ == "__main__":
    sys.exit(main())
