#!/usr/bin/python3
"""hearth convert: tokenizers of real model families keep their tokens, and cut texts as before."""
import base64
import json
import struct
import unittest

import numpy as np

import hearth
import hf_folder
import hf_inverse
from gguf_file import GgufFile
from hearth import SHARED

VOCAB = SHARED / "vocab"
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)


def varint(value):
    out = bytearray()
    while True:
        out.append(value & 127 | (128 if value > 127 else 0))
        value >>= 7
        if value == 0:
            return bytes(out)


def field(number, data):
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def sentencepiece(pieces, model_type=2, dummy_prefix=True):
    """tokenizer.model of (text, score, type)."""
    data = b"".join(field(1, field(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score)
                          + field(3, kind)) for text, score, kind in pieces)
    return data + field(2, field(3, model_type)) + field(3, field(3, int(dummy_prefix)))


def embedding_only(n_vocab, name="LlamaForCausalLM", width=32):
    """A model of one layer whose weights are next to nothing, but for the size of its embedding."""
    block = "model.layers.0."
    one, matrix = np.ones(width, "<f4"), np.zeros((width, width), "<f4")
    tensors = {"model.embed_tokens.weight": np.zeros((n_vocab, width), "<f4"),
               "model.norm.weight": one, block + "input_layernorm.weight": one,
               block + "post_attention_layernorm.weight": one}
    tensors.update({f"{block}{part}_proj.weight": matrix for part in (
        "self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up",
        "mlp.down")})
    config = {"architectures": [name], "hidden_size": width, "intermediate_size": width,
              "num_attention_heads": 1, "num_hidden_layers": 1, "max_position_embeddings": 64,
              "rms_norm_eps": 1e-5, "vocab_size": n_vocab, "tie_word_embeddings": True}
    return config, tensors


def gemma4_around(config, tensors):
    """What a Gemma 4 of one layer has besides."""
    block, one = "model.layers.0.", np.ones(32, "<f4")
    config.update(architectures=["Gemma4ForCausalLM"], layer_types=["full_attention"], head_dim=32,
                  sliding_window=64, rope_parameters={"full_attention": {
                      "rope_type": "proportional", "partial_rotary_factor": 0.25,
                      "rope_theta": 1e6}})
    tensors.update({f"{block}{name}.weight": one for name in (
        "pre_feedforward_layernorm", "post_feedforward_layernorm", "self_attn.q_norm",
        "self_attn.k_norm")})


class Tokenizers(hearth.Case):
    def write(self, tokenizer, n_vocab, name="LlamaForCausalLM", around=None, **files):
        config, tensors = embedding_only(n_vocab, name)
        if around is not None:
            around(config, tensors)
        folder = hf_folder.write(self.folder / "model", config, tensors, tokenizer, "BF16",
                                 tokenizer_config=files.pop("config", {}))
        for file, data in files.items():
            (folder / file.replace("__", ".")).write_bytes(data)
        if tokenizer is None:
            (folder / "tokenizer.json").unlink()
        return folder

    def convert(self, folder, *flags):
        path = self.folder / "out.gguf"
        self.succeed("convert", str(folder), str(path), "--force", *flags)
        return path

    def values(self, path):
        return {key: value for key, (_, value) in GgufFile(path.read_bytes()).values.items()}

    def ids(self, model, text, *flags):
        return self.succeed("tokenize", "--ids", "-m", str(model), *flags, stdin=text).text


@hearth.needs_shared("vocab")
class RealVocabularies(Tokenizers):
    def source(self, name):
        values = self.values(VOCAB / f"{name}.gguf")
        tokens = values["tokenizer.ggml.tokens"]
        types = [t - (1 << 32) if t >> 31 else t for t in values["tokenizer.ggml.token_type"]]
        return values, tokens, types

    def compare(self, name, path, *keys):
        """The same tokens, merges and ids, and the same cutting of llama.cpp's cases."""
        want, got = self.values(VOCAB / f"{name}.gguf"), self.values(path)
        for key in ("model", "tokens", *keys):
            self.assertEqual(got["tokenizer.ggml." + key], want["tokenizer.ggml." + key], key)
        text = (VOCAB / f"{name}.inp").read_bytes()
        for flags in ((), ("--no-parse-special",)):
            self.assertEqual(self.ids(path, text, *flags),
                             self.ids(VOCAB / f"{name}.gguf", text, *flags))
        return got

    def byte_level(self, name, expression, ignore_merges=False, as_text=False):
        values, tokens, types = self.source(name)
        tokenizer = hf_folder.byte_level(len(tokens), expression, (), ignore_merges)
        tokenizer["added_tokens"] = [
            {"id": i, "content": text, "special": kind == CONTROL}
            for i, (text, kind) in enumerate(zip(tokens, types))
            if kind != NORMAL and not text.startswith("[PAD")]
        tokenizer["model"]["vocab"] = {text: i for i, (text, kind) in enumerate(zip(tokens, types))
                                       if kind == NORMAL}
        merges = values["tokenizer.ggml.merges"]
        tokenizer["model"]["merges"] = merges if as_text else [m.split(" ") for m in merges]
        return tokenizer, len(tokens), types

    def test_gpt2(self):
        tokenizer, n_vocab, _ = self.byte_level("gpt-2", None, as_text=True)
        config = {"bos_token": "<|endoftext|>", "eos_token": {"content": "<|endoftext|>"}}
        path = self.convert(self.write(tokenizer, n_vocab, config=config))
        self.compare("gpt-2", path, "pre", "merges", "token_type", "bos_token_id", "eos_token_id")

    def test_gpt2_in_its_old_files(self):
        tokenizer, n_vocab, _ = self.byte_level("gpt-2", None, as_text=True)
        model = tokenizer["model"]
        model["vocab"]["<|endoftext|>"] = n_vocab - 1
        folder = self.write(None, n_vocab, vocab__json=json.dumps(model["vocab"]).encode(),
                            merges__txt="\n".join(["#version: 0.2"] + model["merges"]).encode())
        self.assert_one_line(hearth.run("convert", str(folder), str(self.folder / "x.gguf")), 1,
                             "--pre")
        self.compare("gpt-2", self.convert(folder, "--pre", "gpt-2"), "pre", "merges")

    def test_llama_3(self):
        tokenizer, n_vocab, _ = self.byte_level("llama-bpe", hf_folder.LLAMA3_WORDS, True)
        tokenizer["post_processor"] = {"type": "Sequence", "processors": [
            {"type": "ByteLevel"}, {"type": "TemplateProcessing", "single": [
                {"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}}], "pair": []}]}
        config = {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}
        path = self.convert(self.write(tokenizer, n_vocab, config=config))
        got = self.compare("llama-bpe", path, "pre", "merges", "token_type", "bos_token_id",
                           "eos_token_id")
        self.assertEqual((got["tokenizer.ggml.add_bos_token"], got["tokenizer.ggml.add_eos_token"]),
                         (1, 0))

    def test_qwen2(self):
        tokenizer, n_vocab, types = self.byte_level("qwen2", hf_folder.QWEN2_WORDS)
        config = {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
                  "add_bos_token": False, "chat_template": "{{ messages }}"}
        path = self.convert(self.write(tokenizer, n_vocab, "Qwen2ForCausalLM", config=config))
        got = self.compare("qwen2", path, "pre", "merges", "eos_token_id", "padding_token_id")
        self.assertEqual(got["tokenizer.ggml.token_type"],
                         [UNUSED if kind == USER else kind for kind in types])
        self.assertEqual(got["tokenizer.ggml.add_bos_token"], 0)
        self.assertEqual(got["tokenizer.chat_template"], "{{ messages }}")

    def test_llama_spm_from_tokenizer_model(self):
        values, tokens, types = self.source("llama-spm")
        scores = values["tokenizer.ggml.scores"]
        model = sentencepiece(list(zip(tokens, scores, types)))
        config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                  "add_bos_token": True, "add_eos_token": False}
        path = self.convert(self.write(None, len(tokens), config=config, tokenizer__model=model))
        self.compare("llama-spm", path, "pre", "token_type", "scores", "bos_token_id",
                     "eos_token_id", "unknown_token_id", "add_bos_token", "add_eos_token")

    def test_llama_spm_from_merges(self):
        """As Hugging Face makes a list of merges of the pieces: ranks stand for scores."""
        values, tokens, types = self.source("llama-spm")
        scores, ids = values["tokenizer.ggml.scores"], {t: i for i, t in enumerate(tokens)}
        merges = []
        for i, text in enumerate(tokens):
            if types[i] == NORMAL:
                halves = [(text[:cut], text[cut:]) for cut in range(1, len(text))]
                pairs = [pair for pair in halves if pair[0] in ids and pair[1] in ids]
                pairs.sort(key=lambda pair: (ids[pair[0]], ids[pair[1]]))
                merges += [(scores[i], pair) for pair in pairs]
        merges.sort(key=lambda merge: -merge[0])
        tokenizer = {
            "added_tokens": [{"id": i, "content": tokens[i], "special": True} for i in range(3)],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
            "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": True, "vocab": ids,
                      "merges": [" ".join(pair) for _, pair in merges]}}
        path = self.convert(self.write(tokenizer, len(tokens)))
        got = self.compare("llama-spm", path, "pre", "token_type")
        self.assertEqual(got["tokenizer.ggml.add_space_prefix"], 1)

    def test_phi_3(self):
        values, tokens, types = self.source("phi-3")
        known = 32000
        pieces = list(zip(tokens, values["tokenizer.ggml.scores"], types))[:known]
        pieces[0] = ("<unk>", 0.0, UNKNOWN)
        decoder = {str(i): {"content": tokens[i], "special": types[i] == CONTROL}
                   for i in range(len(tokens)) if types[i] in (CONTROL, USER) and i > 0}
        model = sentencepiece([(t, s, k if k != USER else CONTROL) for t, s, k in pieces])
        path = self.convert(self.write(None, len(tokens), tokenizer__model=model,
                                       config={"added_tokens_decoder": decoder}))
        want, got = self.values(VOCAB / "phi-3.gguf"), self.values(path)
        self.assertEqual(got["tokenizer.ggml.tokens"][:known],
                         want["tokenizer.ggml.tokens"][:known])
        self.assertEqual(got["tokenizer.ggml.token_type"][1:known],
                         want["tokenizer.ggml.token_type"][1:known])
        text = (VOCAB / "phi-3.inp").read_bytes()
        self.assertEqual(self.ids(path, text), self.ids(VOCAB / "phi-3.gguf", text))

    def test_bert(self):
        _, tokens, types = self.source("bert-bge")
        spelled = [text if kind == CONTROL else text[1:] if text[0] == "\u2581" else "##" + text
                   for text, kind in zip(tokens, types)]
        tokenizer = {
            "added_tokens": [{"id": i, "content": t, "special": True}
                             for i, (t, kind) in enumerate(zip(tokens, types)) if kind == CONTROL],
            "normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": None},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "vocab": {t: i for i, t in enumerate(spelled)}}}
        config = {f"{role}_token": f"[{role.upper()}]"
                  for role in ("unk", "sep", "pad", "cls", "mask")}
        path = self.convert(self.write(tokenizer, len(tokens), config=config))
        got = self.compare("bert-bge", path, "token_type", "unknown_token_id",
                           "seperator_token_id", "padding_token_id", "cls_token_id",
                           "mask_token_id")
        self.assertEqual(got["tokenizer.ggml.normalizer.lowercase"], 1)

    def test_gemma_4(self):
        values, tokens, types = self.source("gemma-4")
        tokenizer = {
            "added_tokens": [{"id": i, "content": t, "special": True}
                             for i, (t, kind) in enumerate(zip(tokens, types))
                             if kind in (CONTROL, USER)],
            "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
            "pre_tokenizer": {"type": "Split", "pattern": {"String": " "},
                              "behavior": "MergedWithPrevious", "invert": False},
            "model": {"type": "BPE", "byte_fallback": True,
                      "vocab": {t: i for i, t in enumerate(tokens)},
                      "merges": [merge.split(" ") for merge in values["tokenizer.ggml.merges"]]}}
        path = self.convert(self.write(tokenizer, len(tokens), around=gemma4_around))
        self.compare("gemma-4", path, "token_type", "merges", "add_bos_token", "add_space_prefix")


@hearth.needs_shared("models")
class RealModel(Tokenizers):
    """The bundled model's own weights and tokenizer.model, as SentencePiece wrote it."""

    def test_there_and_back(self):
        source = SHARED / "models/hearth-stories-6m-f32.gguf"
        reference = GgufFile(source.read_bytes())
        reference.values["llama.vocab_size"] = (0, 4096)
        reference.values["llama.attention.key_length"] = (0, 32)
        model = hf_inverse.invert("llama-dense", reference)
        config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
        folder = hf_folder.write(self.folder / "model", model.config, model.out, None, parts=3,
                                 tokenizer_config=config)
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer.model").write_bytes((SHARED / "models/tok4096.model").read_bytes())
        path = self.convert(folder)
        want, got = self.values(source), self.values(path)
        for key in ("tokens", "scores", "token_type", "bos_token_id", "eos_token_id",
                    "unknown_token_id", "add_space_prefix"):
            self.assertEqual(got["tokenizer.ggml." + key], want["tokenizer.ggml." + key], key)
        ids = [1, 476, 473, 261, 420, 4047]
        self.assertEqual(self.logits(path, ids).tobytes(), self.logits(source, ids).tobytes())


class SmallVocabularies(Tokenizers):
    """Tokenizers that need no file from outside."""

    def test_unigram(self):
        pieces = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["\u2581a", -1.0],
                  ["\u2581", -2.0], ["a", -2.5], ["b", -3.0], ["ab", -3.5]]
        charsmap = struct.pack("<I", 4) + bytes(4)
        tokenizer = {
            "added_tokens": [{"id": i, "content": pieces[i][0], "special": True}
                             for i in range(4)],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Precompiled",
                 "precompiled_charsmap": base64.b64encode(charsmap).decode()},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
            "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581",
                              "prepend_scheme": "always"},
            "model": {"type": "Unigram", "unk_id": 3, "vocab": pieces}}
        got = self.values(self.convert(self.write(tokenizer, 16)))
        keys = {key.removeprefix("tokenizer.ggml."): value for key, value in got.items()}
        self.assertEqual(keys["model"], "t5")
        self.assertEqual(keys["tokens"][:10], [p[0] for p in pieces] + ["[PAD9]"])
        self.assertEqual(keys["token_type"][:10], [CONTROL, CONTROL, CONTROL, UNKNOWN] +
                         5 * [NORMAL] + [UNUSED])
        self.assertEqual(keys["scores"][4:9], [score for _, score in pieces[4:]])
        self.assertEqual(bytes(keys["precompiled_charsmap"]), charsmap)
        self.assertEqual((keys["add_space_prefix"], keys["remove_extra_whitespaces"]), (1, 1))

    def test_ends_of_turns(self):
        tokenizer = hf_folder.byte_level(128, specials=("<e>", "<turn>", "<tool>"))
        ids = {t["content"]: t["id"] for t in tokenizer["added_tokens"]}
        ends = json.dumps({"eos_token_id": [ids["<e>"], ids["<turn>"], ids["<tool>"]]})
        got = self.values(self.convert(self.write(tokenizer, 128, config={"eos_token": "<e>"},
                                                  generation_config__json=ends.encode())))
        self.assertEqual([got[f"tokenizer.ggml.{role}_token_id"] for role in ("eos", "eot", "eom")],
                         list(ids.values()))

    def test_an_unknown_rule(self):
        tokenizer = hf_folder.byte_level(128, "[a-z]+")
        folder = self.write(tokenizer, 128)
        out = str(self.folder / "out.gguf")
        self.assert_one_line(hearth.run("convert", str(folder), out), 1, "--pre", "tokenizer.json")
        self.assert_one_line(hearth.run("convert", str(folder), out, "--pre", "lama-bpe"), 2,
                             "did you mean 'llama-bpe'")
        self.assert_tidy("model")
        self.assertEqual(self.values(self.convert(folder, "--pre", "tekken"))
                         ["tokenizer.ggml.pre"], "tekken")

    def test_a_rule_of_the_family(self):
        folder = self.write(hf_folder.byte_level(128, "[a-z]+"), 128, "Qwen2ForCausalLM")
        done = hearth.run("convert", str(folder), str(self.folder / "out.gguf"))
        self.assertEqual(done.code, 0)
        self.assertIn("'qwen2' is taken", done.err.decode())

    def test_templates(self):
        folder = self.write(hf_folder.byte_level(128), 128, chat_template__jinja=b"{{ 1 }}",
                            config={"chat_template": "old"})
        self.assertEqual(self.values(self.convert(folder))["tokenizer.chat_template"], "{{ 1 }}")
        folder = self.write(hf_folder.byte_level(128), 128, config={"chat_template": [
            {"name": "tools", "template": "t"}, {"name": "default", "template": "d"}]})
        (folder / "chat_template.jinja").unlink()
        self.assertEqual(self.values(self.convert(folder))["tokenizer.chat_template"], "d")


if __name__ == "__main__":
    unittest.main()
