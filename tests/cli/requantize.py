"""A model's matrices in another format, with the floats that its blocks stand for.

Two ways to blocks. `rounded` takes those that llama.cpp's library makes of the model's own weights.
`drawn` needs no other program: it draws from a bag of random blocks, as wide as the model's
weights, whose floats are known from tools/block_rules.py.
"""
import functools
import struct
import sys

import numpy as np

import peer
from gguf_file import F32
from hearth import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import block_cases  # noqa: E402

FORMATS = {name: (kind, weights, size, places, rule)
           for name, kind, weights, size, places, rule in block_cases.FORMATS}
IN_A_BAG = 24


def peer_name(name):
    """As llama.cpp's functions spell a type."""
    return name.lower().replace("_k", "_K")


def as_f16(values):
    data = values.astype("<f2")
    return data.tobytes(), data.astype("<f4")


def as_bf16(values):
    """Rounded to the nearest, to even in the middle."""
    bits = values.astype("<f4").view("<u4").astype(np.uint64)
    upper = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")
    return upper.tobytes(), (upper.astype("<u4") << 16).view("<f4")


FLOATS = {"F16": as_f16, "BF16": as_bf16}


def rounded(name, values):
    """(blocks, floats) nearest to rows of weights, as llama.cpp quantizes."""
    if name in FLOATS:
        return FLOATS[name](values)
    kind, weights, size, *_ = FORMATS[name]
    blocks = peer.quantize(kind, values, values.shape[1] // weights * size)
    return blocks, peer.dequantize(peer_name(name), blocks, values.size)


def weights_of(name, block):
    _, weights, _, _, rule = FORMATS[name]
    return np.array([rule(block, i) for i in range(weights)])


def set_scale(name, block, scale):
    """Blocks whose one scale is no f16 in one place."""
    if name == "IQ1_M":
        bits, = struct.unpack("<H", np.float16(scale).tobytes())
        for k in range(4):
            block[49 + 2 * k] = block[49 + 2 * k] & 15 | (bits >> 4 * k & 15) << 4
    elif name == "MXFP4":
        block[0] = 127 + round(np.log2(scale))
    else:  # NVFP4: from 2^-6 on, 4 bits of exponent with bias 7 above 3 of fraction
        block[0:4] = bytes([8 * (7 + max(-6, round(np.log2(scale))))] * 4)


def block_of_width(name, block, width):
    """The block with other scales: those that give its weights a mean of 0 and this width."""
    _, _, _, places, _ = FORMATS[name]
    if places is None:
        set_scale(name, block, 1)
        set_scale(name, block, width / np.sqrt(np.mean(weights_of(name, block) ** 2)))
        return block
    parts = []  # a block's weights are linear in its scales
    for place in places:
        block_cases.with_scales(block, places, [0] * len(places))
        parts.append(weights_of(name, block_cases.with_scales(block, [place], [0x3C00])))
    shares = [1.0]
    if len(places) == 2:
        shares.append(-np.mean(parts[0]) / np.mean(parts[1]))
    whole = sum(share * part for share, part in zip(shares, parts))
    scales = np.array(shares) * width / np.sqrt(np.mean(whole ** 2))
    return block_cases.with_scales(block, places, scales.astype("<f2").view("<u2").tolist())


@functools.cache
def bag(name, width):
    """(blocks, floats), one row for each."""
    kind, weights, size, *_ = FORMATS[name]
    random = block_cases.Random(2718 + kind)
    blocks = [block_of_width(name, random.bytes(size), width) for _ in range(IN_A_BAG)]
    return (np.array([list(block) for block in blocks], dtype=np.uint8),
            np.array([weights_of(name, block) for block in blocks]).astype("<f4"))


def drawn(name, values):
    """(blocks, floats), drawn at random, the same ones for the same weights."""
    if name in FLOATS:
        return FLOATS[name](values)
    _, weights, *_ = FORMATS[name]
    width = float(2.0 ** np.round(np.log2(np.std(values))))  # few bags suffice
    blocks, floats = bag(name, width)
    draw = np.random.default_rng(values.size)
    choice = draw.integers(len(blocks), size=values.size // weights)
    return blocks[choice].tobytes(), floats[choice].ravel()


def is_matrix(tensor):
    """What a quantized file has in blocks. Biases of experts and taps of convolutions are vectors,
    one for each expert or channel."""
    taps = tensor.name.endswith(("shortconv.conv.weight", "ssm_conv1d.weight"))
    return len(tensor.dims) > 1 and tensor.name.endswith(".weight") and not taps


def in_format(file, name, blocks_of):
    """Two files' bytes: matrices in the format, where their rows hold whole blocks, and the same
    model in F32; and how many matrices that were."""
    kind, weights, *_ = FORMATS[name]
    floats, count = {}, 0

    def encode(tensor, values):
        nonlocal count
        if not is_matrix(tensor) or tensor.dims[0] % weights:
            return F32, values.astype("<f4").tobytes()
        count += 1
        blocks, stand_for = blocks_of(name, values.reshape(-1, tensor.dims[0]))
        floats[tensor.name] = stand_for
        return kind, blocks

    def plain(tensor, values):
        return F32, floats.get(tensor.name, values).astype("<f4").tobytes()

    return file.rewritten(encode), file.rewritten(plain), count
