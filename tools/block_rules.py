"""What each weight of a block is: docs/formats/blocks.md, one function a format.

This is a second implementation of that page, made from it alone and never from the C++ code, so
that the two can disagree. It is slow on purpose: one weight at a time, in float64, in which every
formula is exact. The lists of numbers that the page calls codebooks are too long for it; both read
them in src/tensor/codebooks.h.
"""

import functools
import pathlib
import re
import struct

CODEBOOKS = pathlib.Path(__file__).resolve().parent.parent / "src" / "tensor" / "codebooks.h"
F16_SIGN = 0x8000


# ---- number formats ----

def u16(block, at):
    return block[at] | block[at + 1] << 8


def i8(byte):
    return byte - 256 if byte >= 128 else byte


def low(byte):
    return byte & 15


def high(byte):
    return byte >> 4


def f16(block, at):
    bits = u16(block, at)
    sign = -1.0 if bits & F16_SIGN else 1.0
    exponent = bits >> 10 & 31
    fraction = bits & 1023
    if exponent == 31:
        raise ValueError("infinities and NaNs are not among the cases")
    if exponent == 0:
        return sign * fraction * 2.0 ** -24
    return sign * (1024 + fraction) * 2.0 ** (exponent - 25)


def bf16(block, at):
    bits = u16(block, at)
    sign = -1.0 if bits & 0x8000 else 1.0
    exponent = bits >> 7 & 255
    fraction = bits & 127
    if exponent == 255:
        raise ValueError("infinities and NaNs are not among the cases")
    if exponent == 0:
        return sign * fraction * 2.0 ** -133
    return sign * (128 + fraction) * 2.0 ** (exponent - 134)


# ---- one weight of a block ----

def weight_f16(block, i):
    return f16(block, 2 * i)


def weight_bf16(block, i):
    return bf16(block, 2 * i)


def weight_q8_0(block, i):
    return f16(block, 0) * i8(block[2 + i])


def split_nibble(block, at, i):
    """Weights 0..15 are low nibbles, weights 16..31 the high nibbles of the same bytes."""
    return low(block[at + i]) if i < 16 else high(block[at + i - 16])


def bit_of_word(block, at, i):
    return block[at + i // 8] >> i % 8 & 1


def weight_q4_0(block, i):
    return f16(block, 0) * (split_nibble(block, 2, i) - 8)


def weight_q4_1(block, i):
    return f16(block, 0) * split_nibble(block, 4, i) + f16(block, 2)


def weight_q5_0(block, i):
    u = split_nibble(block, 6, i) + 16 * bit_of_word(block, 2, i)
    return f16(block, 0) * (u - 16)


def weight_q5_1(block, i):
    u = split_nibble(block, 8, i) + 16 * bit_of_word(block, 4, i)
    return f16(block, 0) * u + f16(block, 2)


def half_run_k(i):
    """Where weight i of a block of 256 stands: half of 128, run of 32, place in the run."""
    return i // 128, i % 128 // 32, i % 32


def two_bits(block, at, i):
    half, run, k = half_run_k(i)
    return block[at + 32 * half + k] >> 2 * run & 3


def weight_q2_k(block, i):
    scale = low(block[i // 16])
    minimum = high(block[i // 16])
    return f16(block, 80) * scale * two_bits(block, 16, i) - f16(block, 82) * minimum


def scale_q3_k(block, j):
    lower = low(block[96 + j]) if j < 8 else high(block[96 + j - 8])
    upper = block[96 + 8 + j % 4] >> 2 * (j // 4) & 3
    return lower + 16 * upper


def weight_q3_k(block, i):
    half, run, k = half_run_k(i)
    u = two_bits(block, 32, i) + 4 * (block[k] >> 4 * half + run & 1)
    return f16(block, 108) * (scale_q3_k(block, i // 16) - 32) * (u - 4)


def scale_and_minimum(block, j):
    """Pair j of the twelve packed bytes that Q4_K and Q5_K keep from byte 4 on."""
    s = block[4:16]
    if j < 4:
        return s[j] & 63, s[j + 4] & 63
    return low(s[j + 4]) + 16 * (s[j - 4] >> 6), high(s[j + 4]) + 16 * (s[j] >> 6)


def paired_nibble(block, at, i):
    """Every 64 weights share 32 bytes: the first 32 weights are the low nibbles."""
    byte = block[at + 32 * (i // 64) + i % 32]
    return low(byte) if i % 64 < 32 else high(byte)


def weight_q4_k(block, i):
    scale, minimum = scale_and_minimum(block, i // 32)
    return f16(block, 0) * scale * paired_nibble(block, 16, i) - f16(block, 2) * minimum


def weight_q5_k(block, i):
    scale, minimum = scale_and_minimum(block, i // 32)
    u = paired_nibble(block, 48, i) + 16 * (block[16 + i % 32] >> i // 32 & 1)
    return f16(block, 0) * scale * u - f16(block, 2) * minimum


def weight_q6_k(block, i):
    half, run, k = half_run_k(i)
    byte = block[64 * half + 32 * (run % 2) + k]
    nibble = low(byte) if run < 2 else high(byte)
    u = nibble + 16 * (block[128 + 32 * half + k] >> 2 * run & 3)
    return f16(block, 208) * i8(block[192 + i // 16]) * (u - 32)


# ---- codebooks ----

@functools.cache
def numbers(name):
    """A list of the table of codebooks."""
    match = re.search(rf" {name}\[\d+\] = \{{([^}}]*)\}}", CODEBOOKS.read_text())
    return [int(text) for text in match[1].split(",")]


def level8(codebook, entry, j):
    return numbers(codebook)[entry] >> 2 * j & 3


def level4(codebook, entry, j):
    return numbers(codebook)[entry] >> 3 * j & 7


def u32(block, at):
    return u16(block, at) | u16(block, at + 2) << 16


def sign_of(bits, j):
    return -1 if bits >> j & 1 else 1


def seven_signs(bits, j):
    """Sign j of 8, of which the last makes the number of minuses even."""
    if j == 7:
        return -1 if bin(bits).count("1") % 2 else 1
    return sign_of(bits, j)


def nibble(block, at, k):
    return block[at + k // 2] >> 4 * (k % 2) & 15


def weight_iq2_xxs(block, i):
    group, run, j = i // 32, i // 8 % 4, i % 8
    word = u32(block, 2 + 8 * group + 4)
    magnitude = numbers("kIq2Levels")[level8("kIq2XxsPoints", block[2 + 8 * group + run], j)]
    sign = seven_signs(word >> 7 * run & 127, j)
    return f16(block, 0) * (2 * (word >> 28) + 1) / 8 * magnitude * sign


def weight_iq2_xs(block, i):
    run, j = i // 8, i % 8
    word = u16(block, 2 + 2 * run)
    magnitude = numbers("kIq2Levels")[level8("kIq2XsPoints", word & 511, j)]
    scale = 2 * nibble(block, 66, i // 16) + 1
    return f16(block, 0) * scale / 8 * magnitude * seven_signs(word >> 9, j)


def weight_iq2_s(block, i):
    run, j = i // 8, i % 8
    entry = block[2 + run] + 256 * (block[66 + run // 4] >> 2 * (run % 4) & 3)
    magnitude = numbers("kIq2Levels")[level8("kIq2SPoints", entry, j)]
    scale = 2 * nibble(block, 74, i // 16) + 1
    return f16(block, 0) * scale / 8 * magnitude * sign_of(block[34 + run], j)


def weight_iq3_xxs(block, i):
    word = u32(block, 66 + 4 * (i // 32))
    magnitude = numbers("kIq3XxsLevels")[level4("kIq3XxsPoints", block[2 + i // 4], i % 4)]
    sign = seven_signs(word >> 7 * (i // 8 % 4) & 127, i % 8)
    return f16(block, 0) * (2 * (word >> 28) + 1) / 4 * magnitude * sign


def weight_iq3_s(block, i):
    point = i // 4
    entry = block[2 + point] + 256 * (block[66 + point // 8] >> point % 8 & 1)
    magnitude = numbers("kIq3SLevels")[level4("kIq3SPoints", entry, i % 4)]
    scale = 2 * nibble(block, 106, i // 32) + 1
    return f16(block, 0) * scale * magnitude * sign_of(block[74 + i // 8], i % 8)


def weight_iq1_s(block, i):
    run, j = i // 8, i % 8
    word = u16(block, 34 + 2 * (i // 32))
    level = level8("kIq1Points", block[2 + run] + 256 * (word >> 3 * (run % 4) & 7), j)
    delta = -1 / 8 if word >> 15 else 1 / 8
    return f16(block, 0) * (2 * (word >> 12 & 7) + 1) * (level - 1 + delta)


def weight_iq1_m(block, i):
    run, j = i // 8, i % 8
    d = sum(u16(block, 48 + 2 * k) >> 12 << 4 * k for k in range(4))
    half = nibble(block, 32, run)
    level = level8("kIq1Points", block[run] + 256 * (half & 7), j)
    delta = -1 / 8 if half & 8 else 1 / 8
    scale = u16(block, 48 + 2 * (i // 64)) >> 3 * (i // 16 % 4) & 7
    return f16(struct.pack("<H", d), 0) * (2 * scale + 1) * (level - 1 + delta)


def weight_iq4_nl(block, i):
    return f16(block, 0) * numbers("kIq4Values")[split_nibble(block, 2, i)]


def weight_iq4_xs(block, i):
    group = i // 32
    scale = nibble(block, 4, group) + 16 * (u16(block, 2) >> 2 * group & 3) - 32
    value = numbers("kIq4Values")[split_nibble(block, 8 + 16 * group, i % 32)]
    return f16(block, 0) * scale * value


# ---- three values ----

def digit(byte, place):
    return byte * 3 ** place % 256 * 3 // 256


def weight_tq1_0(block, i):
    if i < 160:
        u = digit(block[i % 32], i // 32)
    elif i < 240:
        u = digit(block[32 + (i - 160) % 16], (i - 160) // 16)
    else:
        u = digit(block[48 + (i - 240) % 4], (i - 240) // 4)
    return f16(block, 52) * (u - 1)


def weight_tq2_0(block, i):
    return f16(block, 64) * (two_bits(block, 0, i) - 1)


# ---- two and four values ----

def weight_q1_0(block, i):
    return f16(block, 0) if bit_of_word(block, 2, i) else -f16(block, 0)


def weight_q2_0(block, i):
    return f16(block, 0) * ((block[2 + i // 4] >> 2 * (i % 4) & 3) - 1)


# ---- FP4 ----

def weight_mxfp4(block, i):
    return 2.0 ** (block[0] - 127) * numbers("kFp4Values")[split_nibble(block, 1, i)] / 2


def ue4m3(byte):
    exponent, fraction = byte >> 3 & 15, byte & 7
    if byte == 0x7F:
        return 0.0
    return fraction * 2.0 ** -9 if exponent == 0 else (8 + fraction) * 2.0 ** (exponent - 10)


def weight_nvfp4(block, i):
    group, k = i // 16, i % 16
    byte = block[4 + 8 * group + k % 8]
    number = low(byte) if k < 8 else high(byte)
    return ue4m3(block[group]) * numbers("kFp4Values")[number] / 2
