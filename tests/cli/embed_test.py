#!/usr/bin/python3
"""Embeddings and scores beside BERT's definition, written in plain float64."""
import json
import math
import socket
import subprocess
import time
import unittest
import urllib.request

import numpy as np

import gguf_file
import hearth
import peer
from hearth import MODEL

WIDTH, HEADS, LAYERS, HIDDEN, POSITIONS = 64, 4, 3, 128, 600
EPS = 1e-12
WORDS = "the cat sat on mat a dog ran far away how do plants eat light water and".split()
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *("\u2581" + word for word in WORDS)]
CLS, SEP = 2, 3
ERROR = 1e-10  # normalized, squared, of float32 against float64

erf = np.vectorize(math.erf)


def random_weights(seed=1, **more):
    rng = np.random.default_rng(seed)

    def matrix(rows, columns):
        return rng.normal(0, 1 / math.sqrt(columns), (rows, columns)).astype("<f4")

    def vector(size, middle=0.0):
        return rng.normal(middle, 0.3, size).astype("<f4")

    weights = {"token_embd.weight": matrix(len(TOKENS), WIDTH) * 8,
               "position_embd.weight": matrix(POSITIONS, WIDTH) * 4,
               "token_types.weight": matrix(2, WIDTH) * 4}

    def linear(name, rows, columns):
        weights[name + ".weight"] = matrix(rows, columns)
        weights[name + ".bias"] = vector(rows)

    def norm(name):
        weights[name + ".weight"] = vector(WIDTH, 1.0)
        weights[name + ".bias"] = vector(WIDTH)

    norm("token_embd_norm")
    for i in range(LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            linear(f"blk.{i}.{part}", WIDTH, WIDTH)
        norm(f"blk.{i}.attn_output_norm")
        linear(f"blk.{i}.ffn_up", HIDDEN, WIDTH)
        linear(f"blk.{i}.ffn_down", WIDTH, HIDDEN)
        norm(f"blk.{i}.layer_output_norm")
    for name, rows in more.items():
        linear(name.replace("_", "."), rows, WIDTH)
    return weights


def file_of(weights, pooling=None):
    values = {"general.architecture": "bert", "bert.block_count": LAYERS,
              "bert.embedding_length": WIDTH, "bert.context_length": POSITIONS,
              "bert.feed_forward_length": HIDDEN, "bert.attention.head_count": HEADS,
              "bert.attention.layer_norm_epsilon": EPS, "bert.attention.causal": False,
              "tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": TOKENS,
              "tokenizer.ggml.token_type": [3] * 5 + [1] * len(WORDS),
              "tokenizer.ggml.token_type_count": 2, "bert.vocab_size": len(TOKENS),
              "tokenizer.ggml.bos_token_id": CLS, "tokenizer.ggml.eos_token_id": SEP,
              "tokenizer.ggml.unknown_token_id": 1, "tokenizer.ggml.seperator_token_id": SEP,
              "tokenizer.ggml.padding_token_id": 0, "tokenizer.ggml.mask_token_id": 4}
    if pooling is not None:
        values["bert.pooling_type"] = pooling
    return gguf_file.make(values, weights)


def bert(weights, ids, second_from=None):
    """Vectors of all tokens, [tokens][WIDTH]."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def norm(x, name):
        off = x - x.mean(axis=1, keepdims=True)
        scaled = off / np.sqrt((off ** 2).mean(axis=1, keepdims=True) + EPS)
        return scaled * w[name + ".weight"] + w[name + ".bias"]

    def linear(x, name):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    parts = np.zeros(len(ids), int)
    parts[second_from or len(ids):] = 1
    x = (w["token_embd.weight"][ids] + w["position_embd.weight"][:len(ids)] +
         w["token_types.weight"][parts])
    x = norm(x, "token_embd_norm")
    for i in range(LAYERS):
        q, k, v = (linear(x, f"blk.{i}.{part}").reshape(len(ids), HEADS, -1)
                   for part in ("attn_q", "attn_k", "attn_v"))
        scores = np.einsum("qhd,khd->hqk", q, k) / math.sqrt(WIDTH // HEADS)
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        scores /= scores.sum(axis=2, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", scores, v).reshape(len(ids), -1)
        x = norm(x + linear(mixed, f"blk.{i}.attn_output"), f"blk.{i}.attn_output_norm")
        up = linear(x, f"blk.{i}.ffn_up")
        x = norm(x + linear(up / 2 * (1 + erf(up / math.sqrt(2))), f"blk.{i}.ffn_down"),
                 f"blk.{i}.layer_output_norm")
    return x


def ids_of(text):
    return [TOKENS.index("\u2581" + word) for word in text.split()]


def error(got, want):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return float(np.sum((got - want) ** 2) / np.sum(want ** 2))


TEXTS = ["the cat sat on the mat", "a dog", "how do plants eat light and water",
         " ".join(WORDS * 2), "far"]


class Embeddings(hearth.Case):

    def setUp(self):
        super().setUp()
        self.weights = random_weights()
        self.model = self.file("bert.gguf", file_of(self.weights))
        self.wanted = [bert(self.weights, [CLS, *ids_of(text), SEP]) for text in TEXTS]

    def embed(self, *flags, texts=TEXTS, model=None):
        lines = self.succeed("embed", "-m", model or self.model, *flags, *texts).text.splitlines()
        self.assertEqual(len(lines), len(texts))
        return [json.loads(line) for line in lines]

    def test_every_pooling(self):
        pooled = {"mean": lambda x: x.mean(axis=0), "cls": lambda x: x[0], "last": lambda x: x[-1],
                  "none": lambda x: x}
        for level in hearth.isa_levels():
            for name, pool in pooled.items():
                got = self.embed("--pooling", name, "--no-normalize", "--isa", level)
                for vector, want in zip(got, self.wanted):
                    with self.subTest(isa=level, pooling=name):
                        self.assertLess(error(vector, pool(want)), ERROR)

    def test_vectors_have_length_one(self):
        for name in ("mean", "none"):
            for vector in self.embed("--pooling", name):
                lengths = np.linalg.norm(np.atleast_2d(vector), axis=1)
                self.assertLess(np.max(np.abs(lengths - 1)), 1e-6)

    def test_the_file_says_which_pooling(self):
        for number, name in ((1, "mean"), (2, "cls"), (3, "last")):
            model = self.file(f"{name}.gguf", file_of(self.weights, number))
            self.assertEqual(self.embed(model=model), self.embed("--pooling", name))

    def test_neighbours_threads_and_order_do_not_change_a_bit(self):
        together = self.embed("-t", "2")
        self.assertEqual(self.embed("-t", "1"), together)
        for text, vector in zip(TEXTS, together):
            self.assertEqual(self.embed(texts=[text]), [vector])
        self.assertEqual(self.embed(texts=TEXTS * 9), together * 9)

    def test_texts_from_a_file(self):
        path = self.file("texts.txt", "\n\n".join(TEXTS) + "\n")
        self.assertEqual(self.succeed("embed", "-m", self.model, "-f", path).out,
                         self.succeed("embed", "-m", self.model, *TEXTS).out)
        lines = self.succeed("embed", "-m", self.model, "--json", stdin=b"a dog\nfar\n").text
        first, second = map(json.loads, lines.splitlines())
        self.assertEqual((first["index"], first["tokens"], second["tokens"]), (0, 4, 3))
        self.assertEqual(len(first["embedding"]), WIDTH)

    def test_long_texts(self):
        """Beyond a chunk of attention; and more than the model has positions for."""
        text = " ".join(WORDS * 33)
        want = bert(self.weights, [CLS, *ids_of(text), SEP])
        got, = self.embed("--pooling", "none", "--no-normalize", texts=[text])
        self.assertLess(error(got, want), ERROR)
        done = hearth.run("embed", "-m", self.model, "far", text + " far" * 40)
        self.assert_one_line(done, 1, "text 2", "603", "600")

    def test_query(self):
        """By the cosine of vectors."""
        vectors = np.array(self.embed())
        query = "the dog ran"
        of_query = np.array(self.embed(texts=[query])[0])
        scores = vectors @ of_query
        lines = self.succeed("embed", "-m", self.model, "--query", query, "--json", *TEXTS).text
        got = [json.loads(line) for line in lines.splitlines()]
        self.assertEqual([one["index"] for one in got], list(np.argsort(-scores)))
        for one in got:
            self.assertEqual(one["text"], TEXTS[one["index"]])
            self.assertAlmostEqual(one["score"], scores[one["index"]], places=5)
        plain = self.succeed("embed", "-m", self.model, "--query", query, *TEXTS).text
        self.assertEqual(plain.splitlines()[0].split("\t")[1], TEXTS[got[0]["index"]])

    def test_a_model_that_writes_no_text(self):
        for command in (("run", "-p", "the"), ("logits", "--tokens", "1,2", "-o", "/dev/null")):
            done = hearth.run(command[0], "-m", self.model, *command[1:])
            self.assert_one_line(done, 1, "bert", "hearth embed")

    def test_what_cannot_be(self):
        for flags, words in ((("--pooling", "median", "a"), ("median", "mean")),
                             (("--pooling", "rank", "a"), ("classifier",)),
                             (("--pooling", "none", "--query", "a", "b"), ("--pooling",)),
                             (("-f", "/none/such"), ("/none/such",)),
                             (("-c", "700", "a"), ("600",)),
                             (("a", ""), ("text 2", "empty"))):
            with self.subTest(flags):
                done = hearth.run("embed", "-m", self.model, *flags)
                self.assertIn(done.code, (1, 2))
                self.assert_one_line(done, done.code, *words)

    def test_broken_files(self):
        for damage, words in (
                ({"position_embd.weight": None}, ("position_embd.weight",)),
                ({"token_types.weight": np.zeros((2, WIDTH + 1))}, ("token_types.weight",)),
                ({"blk.1.layer_output_norm.weight": None}, ("layer_output_norm",))):
            weights = {**self.weights, **damage}
            weights = {name: value for name, value in weights.items() if value is not None}
            model = self.file("broken.gguf", file_of(weights))
            self.assert_one_line(hearth.run("embed", "-m", model, "a"), 1, *words)


class Scores(hearth.Case):
    """A model with a classifier reads a question and a passage together."""

    def test_pairs(self):
        for heads in ({"cls_output": 1}, {"cls_output": 2, "cls": WIDTH}):
            with self.subTest(heads):
                weights = random_weights(2, **heads)
                model = self.file("rank.gguf", file_of(weights, 4))
                query = "how do plants eat"
                lines = self.succeed("embed", "-m", model, "--query", query, "--json", *TEXTS).text
                for one in map(json.loads, lines.splitlines()):
                    want = self.score(weights, query, TEXTS[one["index"]])
                    self.assertAlmostEqual(one["score"], want, places=4)
                done = hearth.run("embed", "-m", model, *TEXTS)
                self.assert_one_line(done, 2, "--query")

    def score(self, weights, query, text):
        first = [CLS, *ids_of(query), SEP]
        x = bert(weights, [*first, *ids_of(text), SEP], len(first))[0]
        if "cls.weight" in weights:
            x = np.tanh(weights["cls.weight"].astype(np.float64) @ x + weights["cls.bias"])
        return float((weights["cls.output.weight"].astype(np.float64) @ x)[0] +
                     weights["cls.output.bias"][0])


class OfModelsThatWrite(hearth.Case):
    """Models that write text make vectors as well."""

    def test_chunks_do_not_change_a_bit(self):
        text = "Once upon a time there was a little dog who liked to run in the park. " * 6
        for pooling in ("mean", "last", "cls", "none"):
            whole, pieces = (
                self.succeed("embed", "--pooling", pooling, "-b", batch, text, "A cat.").out
                for batch in ("512", "7"))
            self.assertEqual(whole, pieces)

    def test_the_last_token_sees_all(self):
        one, other = (json.loads(self.succeed("embed", "-m", str(MODEL), "--pooling", "last",
                                              text).text)
                      for text in ("A red ball.", "A blue ball."))
        self.assertEqual(len(one), 256)
        self.assertGreater(error(one, other), 1e-4)


SERVER = peer.FOLDER / "llama-server"


@unittest.skipUnless(SERVER.exists(), "NOT CHECKED: no llama-server (LLAMA_BIN_DIR says where)")
class BesideLlamaCpp(hearth.Case):
    """Its GELU is the form with tanh, from a table in F16: docs/embeddings.md."""
    ERROR = 1e-6

    def vectors(self, model, pooling):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [SERVER, "-m", model, "--embedding", "--pooling", pooling, "--port", str(port),
             "-c", "512", "-b", "512", "-ub", "512", "-t", "1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        end = time.monotonic() + hearth.PATIENCE
        while True:
            try:
                return [self.ask(port, text) for text in TEXTS]
            except OSError:  # not up yet
                self.assertIsNone(server.poll())
                self.assertLess(time.monotonic(), end)
                time.sleep(0.1)

    def ask(self, port, text):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/embedding", json.dumps({"content": text}).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return np.ravel(json.loads(answer.read())[0]["embedding"])

    def test_vectors(self):
        model = self.file("bert.gguf", file_of(random_weights()))
        for pooling in ("mean", "cls"):
            lines = self.succeed("embed", "-m", model, "--pooling", pooling, *TEXTS).text
            for got, want in zip(map(json.loads, lines.splitlines()), self.vectors(model, pooling)):
                with self.subTest(pooling):
                    self.assertLess(error(got, want), self.ERROR)


if __name__ == "__main__":
    unittest.main()
