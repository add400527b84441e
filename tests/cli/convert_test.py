#!/usr/bin/python3
"""hearth convert: folders of models become files that compute the same."""
import json
import os
import signal
import struct
import unittest

import numpy as np

import gguf_file
import hearth
import hf_folder
import hf_inverse
from gguf_file import GgufFile
from hearth import SHARED

FOLDER = SHARED / "reference/architectures"
TOKENS = [1, 5, 9, 70, 33, 2, 64, 100, 7, 7, 90, 12]

# Keys of the reference files that no configuration says, or that their family does not use.
NOT_COMPARED = ("attention.causal", "attention.rope_pattern", "attention.key_length_swa",
                "attention.value_length_swa", "rope.dimension_count_swa", "rope.freq_base_swa",
                # what hearth and llama.cpp know of the family anyway, or do not use there
                "attention.scale", "attention.recurrent_layers", "leading_dense_block_count",
                "attention.sliding_window_pattern")
# Of models that also see.
NOT_CARRIED = ("glm4.rope.dimension_sections",)


def small_model(seed=1, n_vocab=128, width=64, n_ff=96, heads=4, kv_heads=2, layers=2, bias=False):
    """Configuration and weights of a small model with random weights, as Llama or Qwen 2."""
    rng = np.random.default_rng(seed)
    dim = width // heads

    def matrix(rows, columns):
        return rng.normal(0, columns ** -0.5, (rows, columns)).astype("<f4")
    tensors = {"model.embed_tokens.weight": matrix(n_vocab, width),
               "model.norm.weight": rng.normal(1, 0.1, width).astype("<f4"),
               "lm_head.weight": matrix(n_vocab, width)}
    for layer in range(layers):
        block = f"model.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[block + norm + ".weight"] = rng.normal(1, 0.1, width).astype("<f4")
        for part, rows, columns in (("self_attn.q_proj", heads * dim, width),
                                    ("self_attn.k_proj", kv_heads * dim, width),
                                    ("self_attn.v_proj", kv_heads * dim, width),
                                    ("self_attn.o_proj", width, heads * dim),
                                    ("mlp.gate_proj", n_ff, width), ("mlp.up_proj", n_ff, width),
                                    ("mlp.down_proj", width, n_ff)):
            tensors[block + part + ".weight"] = matrix(rows, columns)
            if bias and part[:-6] in ("self_attn.q", "self_attn.k", "self_attn.v"):
                tensors[block + part + ".bias"] = matrix(1, rows)[0]
    config = {"architectures": ["Qwen2ForCausalLM" if bias else "LlamaForCausalLM"],
              "hidden_size": width, "intermediate_size": n_ff, "num_attention_heads": heads,
              "num_key_value_heads": kv_heads, "num_hidden_layers": layers,
              "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "vocab_size": n_vocab, "tie_word_embeddings": False}
    return config, tensors


def plain_logits(config, tensors, ids):
    """The model in plain float64, straight from its definition."""
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    t = {name: array.astype(np.float64) for name, array in tensors.items()}

    def linear(x, name):
        return x @ t[name + ".weight"].T + t.get(name + ".bias", 0)

    def norm(x, name):
        size = np.sqrt((x ** 2).mean(axis=1, keepdims=True) + config["rms_norm_eps"])
        return x / size * t[name + ".weight"]

    def rope(x):
        half = x.shape[2] // 2
        angles = np.arange(len(x))[:, None, None] * 10000.0 ** (-np.arange(half) / half)
        a, b = x[:, :, :half], x[:, :, half:]
        return np.concatenate([a * np.cos(angles) - b * np.sin(angles),
                               a * np.sin(angles) + b * np.cos(angles)], axis=2)
    x = t["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        block = f"model.layers.{layer}."
        normed = norm(x, block + "input_layernorm")
        q, k, v = (linear(normed, f"{block}self_attn.{part}_proj").reshape(len(ids), n, -1)
                   for part, n in (("q", heads), ("k", kv_heads), ("v", kv_heads)))
        k, v = (np.repeat(side, heads // kv_heads, axis=1) for side in (rope(k), v))
        scores = np.einsum("qhd,khd->hqk", rope(q), k) / np.sqrt(q.shape[2])
        scores = np.where(np.tri(len(ids), dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", weights, v).reshape(len(ids), -1)
        x = x + linear(mixed, block + "self_attn.o_proj")
        normed = norm(x, block + "post_attention_layernorm")
        gate = linear(normed, block + "mlp.gate_proj")
        hidden = gate / (1 + np.exp(-gate)) * linear(normed, block + "mlp.up_proj")
        x = x + linear(hidden, block + "mlp.down_proj")
    return norm(x, "model.norm") @ t["lm_head.weight"].T


class Converting(hearth.Case):
    def convert(self, folder, *flags):
        out = self.folder / "out.gguf"
        self.succeed("convert", str(folder), str(out), "--force", *flags)
        return out

    def written(self, folder, *flags):
        return GgufFile(self.convert(folder, *flags).read_bytes())


class SmallModels(Converting):
    """Models that need no file from outside."""

    def test_logits_are_those_of_the_definition(self):
        for bias in (False, True):
            config, tensors = small_model(bias=bias)
            want = plain_logits(config, tensors, TOKENS)
            for parts in (1, 3):
                with self.subTest(bias=bias, parts=parts):
                    folder = hf_folder.write(self.folder / f"m{parts}{bias}", config, tensors,
                                             hf_folder.byte_level(128), parts=parts)
                    got = self.logits(self.convert(folder), TOKENS)
                    self.assertLess(float(np.abs(got - want).max()), 2e-4)


@hearth.needs_shared("reference/architectures")
class Architectures(Converting):
    def test_each_family(self):
        for name in hf_inverse.FAMILIES:
            with self.subTest(model=name):
                self.check(name)

    def check(self, name):
        reference = GgufFile((FOLDER / f"{name}.gguf").read_bytes())
        model = hf_inverse.invert(name, reference)
        folder = hf_folder.write(self.folder / name, model.config, model.out,
                                 hf_folder.byte_level(128))
        path = self.convert(folder, "--pre", "qwen2")
        made = GgufFile(path.read_bytes())
        self.compare_metadata(reference, made)
        self.compare_tensors(model, made)
        # The reference with the tensors that were made, which are its own but for a few last bits
        # of those that are only near.
        values = {key: bool(value) if key.endswith(".causal") else value
                  for key, (_, value) in reference.values.items()
                  if not key.startswith("tokenizer.") and not key.endswith(NOT_CARRIED)}
        tensors = {t.name: reference.weights(t).reshape(t.dims[::-1]) for t in reference.tensors
                   if t.name not in ("rope_freqs.weight", "cls.output.weight")}
        tensors.update({t.name: made.weights(t).reshape(t.dims[::-1]) for t in made.tensors
                        if t.name in model.near})
        plain = self.file("plain.gguf", gguf_file.make(values, tensors))
        self.assertEqual(self.logits(path, TOKENS).tobytes(), self.logits(plain, TOKENS).tobytes())

    def compare_metadata(self, reference, made):
        arch = reference.values["general.architecture"][1]
        for key, (_, value) in reference.values.items():
            part = key.removeprefix(arch + ".")
            if key.startswith("tokenizer.") or part in NOT_COMPARED or key.endswith(NOT_CARRIED):
                continue
            if part == "rope.dimension_count" and key not in made.values:
                self.assertEqual(value, reference.number(arch + ".attention.key_length"))
            elif part == "attention.head_count" and isinstance(value, list):
                self.assertEqual(made.values[key][1], max(value))  # where there are heads of keys
            else:
                self.assertIn(key, made.values)
                self.assertEqual(made.values[key][1], value, key)

    def compare_tensors(self, model, made):
        found = {t.name: t for t in made.tensors}
        self.assertEqual(sorted(found), sorted(model.expected))
        for name, want in model.expected.items():
            got = made.weights(found[name])
            self.assertEqual([d for d in found[name].dims if d != 1],
                             [d for d in want.shape[::-1] if d != 1], name)
            if name in model.near:
                np.testing.assert_allclose(got, want.ravel(), rtol=3e-7, atol=1e-7, err_msg=name)
            else:
                self.assertEqual(got.tobytes(), want.tobytes(), name)


if __name__ == "__main__":
    unittest.main()
