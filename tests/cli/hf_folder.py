"""Hugging Face model folders for tests: written from what the models' own code calls things, so
that they check the converter's tables, which were written the other way around."""
import json
import struct

import numpy as np

SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2_WORDS = SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + TAIL
LLAMA3_WORDS = SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + TAIL


def as_bf16(values):
    """Rounded to the nearest, as 16 bits."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4").astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


ENCODERS = {"F32": lambda v: v.astype("<f4"), "F16": lambda v: v.astype("<f2"), "BF16": as_bf16,
            "F64": lambda v: v.astype("<f8")}


def safetensors(tensors, kind="F32", metadata=None):
    """A file of {name: array}; arrays of bytes stay what they are."""
    header, data = {}, bytearray()
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, array in tensors.items():
        array = np.asarray(array)
        stored = array if array.dtype == np.uint8 else ENCODERS[kind](array)
        header[name] = {"dtype": "U8" if array.dtype == np.uint8 else kind,
                        "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + stored.nbytes]}
        data += np.ascontiguousarray(stored).tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(data)


def byte_level(n_vocab, expression=QWEN2_WORDS, specials=("<|endoftext|>",), ignore_merges=False):
    """A small tokenizer.json of the kind that most models have."""
    letters = [chr(c) for c in range(33, 127)] + ["\u0120", "\u010a"]
    merges = [("\u0120", "t"), ("h", "e"), ("\u0120t", "he"), ("i", "n"), ("a", "n"), ("o", "n")]
    tokens = letters + ["".join(pair) for pair in merges]
    added = [{"id": len(tokens) + i, "content": text, "special": True, "normalized": False}
             for i, text in enumerate(specials)]
    assert len(tokens) + len(added) <= n_vocab
    steps = [{"type": "ByteLevel", "add_prefix_space": False, "use_regex": expression is None}]
    if expression is not None:
        steps.insert(0, {"type": "Split", "pattern": {"Regex": expression},
                         "behavior": "Isolated", "invert": False})
    return {"version": "1.0", "added_tokens": added, "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
            "post_processor": None, "decoder": {"type": "ByteLevel"},
            "model": {"type": "BPE", "vocab": {text: i for i, text in enumerate(tokens)},
                      "ignore_merges": ignore_merges, "merges": [list(pair) for pair in merges]}}


def write(folder, config, tensors, tokenizer, kind="F32", parts=1, tokenizer_config=None):
    """The files of a model; with more than one part the weights are dealt out in turn."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    if tokenizer_config is None:
        tokenizer_config = {"bos_token": None, "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    if parts == 1:
        (folder / "model.safetensors").write_bytes(safetensors(tensors, kind, {"format": "pt"}))
        return folder
    names, index = list(tensors), {}
    for part in range(parts):
        file = f"model-{part + 1:05}-of-{parts:05}.safetensors"
        mine = names[part::parts]
        (folder / file).write_bytes(safetensors({n: tensors[n] for n in mine}, kind))
        index.update({name: file for name in mine})
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 0}, "weight_map": index}))
    return folder


def halves_apart(rows, heads):
    """Rows of heads in which rope turns neighbours, as models have them that turn halves."""
    shape = rows.shape
    dim = shape[0] // heads
    return rows.reshape(heads, dim // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
