#!/usr/bin/python3
"""The named mixtures beside llama-quantize: each tensor of each model gets the same format."""
import concurrent.futures
import json
import os
import pathlib
import random
import re
import struct
import unittest

import numpy as np

import gguf_file
import hearth
import peer
from gguf_file import ALIGNMENT, GgufFile
from hearth import MODEL, SHARED

RECIPES = """F32 F16 BF16 Q8_0 Q6_K Q5_K_M Q5_K_S Q5_1 Q5_0 Q4_K_M Q4_K_S Q4_1 Q4_0 IQ4_NL IQ4_XS
    Q3_K_L Q3_K_M Q3_K_S IQ3_M IQ3_S IQ3_XS IQ3_XXS Q2_K Q2_K_S IQ2_M IQ2_S IQ2_XS IQ2_XXS IQ1_M
    IQ1_S TQ1_0 TQ2_0 Q2_0 Q1_0 MXFP4_MOE""".split()
SHORT = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}
OVERRIDES = (
    ("--pure",),
    ("--leave-output-tensor",),
    ("--output-tensor-type", "q8_0"),
    ("--token-embedding-type", "q5_K"),
    ("--pure", "--output-tensor-type", "q8_0", "--token-embedding-type", "q5_K"),
    ("--tensor-type", "attn_v=q8_0"),
    ("--tensor-type", "ATTN_(q|k)=q5_1", "--tensor-type", "ffn_.*=iq4_nl"),
    ("--tensor-type", r"blk\.[13-9]\.ffn_(gate|up)=q4_1", "--tensor-type", "ffn_down=q6_K"),
    ("--tensor-type", r"blk\.(0|1\d)\..*weight$=f16", "--tensor-type", "embd=q4_0"),
    ("--token-embedding-type", "q4_0", "--tensor-type", "token_embd=q8_0"),
)
F16 = 1
FOLDER = SHARED / "reference/architectures"
REFERENCE = hearth.needs_shared("reference/architectures")

TENSOR = re.compile(r"(?m)^\[ *\d+/ *\d+\] +(\S+) +- \[.*?\], type = +(\w+), "
                    r"size = +[\d.]+ MiB(?: -> +[\d.]+ MiB \((\w+)\))?$")


def by_peer(path, recipe, *flags):
    """Nothing where rows are not whole blocks of Q1_0, for which the peer has no other format."""
    try:
        said = peer.run("llama-quantize", "--dry-run", *flags, path, recipe)
    except AssertionError as error:
        if recipe == "Q1_0" and "no tensor type fallback" in str(error):
            return None
        raise
    return {name: (new or old).upper() for name, old, new in TENSOR.findall(said)}


def plan(path, recipe, *flags):
    done = hearth.run("quantize", str(path), "unused.gguf", recipe, "--dry-run", "--json", *flags)
    assert done.code == 0, done.err
    return json.loads(done.out)


def by_hearth(path, recipe, *flags):
    return {t["name"]: t["type"].upper() for t in plan(path, recipe, *flags)["tensors"]}


def repeated(values, count):
    return [values[i % len(values)] for i in range(count)]


def grown(file, layers, changes, rng, widths):
    """The head of a file of other sizes: its layers over and over, rows as long as `widths`."""
    arch = file.values["general.architecture"][1]
    small = file.number(f"{arch}.block_count")
    values = {f"{arch}.block_count": layers, **{f"{arch}.{k}": v for k, v in changes.items()}}
    for key, (_, value) in file.values.items():
        of_layers = isinstance(value, list) and len(value) == small and key.startswith(arch)
        if of_layers and key not in values:
            values[key] = repeated(value, layers)
    other = GgufFile(file.with_values(values))
    kinds, places = {}, []
    for tensor in file.tensors:
        layer = re.match(r"blk\.(\d+)\.(.*)", tensor.name)
        if layer is None:
            places.append((tensor.name, tensor.dims))
            continue
        for i in range(int(layer[1]), layers, small):
            places.append((f"blk.{i}.{layer[2]}", tensor.dims))
    tied = rng.random() < 0.5
    places = [(name, dims) for name, dims in places if name != "output.weight"]
    if not tied:
        places.append(("output.weight", dict(places)["token_embd.weight"]))
    rng.shuffle(places)  # the order in the file means nothing
    infos, at = bytearray(), 0
    for name, dims in places:
        if len(dims) > 1:
            kind = re.sub(r"\d+", "#", name)
            dims = (kinds.setdefault(kind, rng.choice(widths)), *dims[1:])
        infos += struct.pack("<Q", len(name)) + name.encode()
        infos += struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, F16, at)
        at += -(-2 * int(np.prod(dims)) // ALIGNMENT) * ALIGNMENT
    head = other.data[:8] + struct.pack("<Q", len(places)) + other.data[16:other.metadata_end]
    head += bytes(infos)
    return head + bytes(-len(head) % ALIGNMENT), at


@peer.needs_program("llama-quantize")
class BesideThePeer(hearth.Case):
    def setUp(self):
        super().setUp()
        # What is in it does not matter to a plan.
        self.imatrix = self.file("imatrix.gguf", gguf_file.make(
            {"general.type": "imatrix", "imatrix.datasets": ["text"], "imatrix.chunk_count": 1,
             "imatrix.chunk_size": 512},
            {"x.in_sum2": np.ones((1, 32)), "x.counts": np.ones((1, 1))}))

    def compare(self, cases):
        """Each case is a path, a recipe and flags."""
        def both(case):
            return case, by_hearth(*case), by_peer(*case)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for case, got, want in pool.map(both, cases):
                if want is None:
                    continue
                self.assertTrue(want, case)
                wrong = {name: (got.get(name), want.get(name)) for name in got | want
                         if got.get(name) != want.get(name)}
                self.assertEqual(wrong, {}, f"(hearth, llama-quantize) in {case}")

    def cases(self, paths, part):
        """All, or a part of which each model and each recipe has some."""
        grid = [(path, recipe, *flags) for recipe in RECIPES for path in paths
                for flags in ((), ("--imatrix", self.imatrix))]
        return grid if hearth.FULL else grid[::part]

    def grown_file(self, source, name, rng, widths, **changes):
        path = self.folder / name
        layers = changes.pop("layers", None) or rng.choice((4, 5, 7, 16, 22, 31, 32, 48, 61, 80))
        head, data = grown(GgufFile(source.read_bytes()), layers, changes, rng, widths)
        with open(path, "wb") as file:
            file.write(head)
            file.truncate(len(head) + data)
        return path

    @REFERENCE
    def test_reference_models(self):
        paths = sorted(FOLDER.glob("*.gguf"))
        self.assertGreaterEqual(len(paths), 20)
        self.compare(self.cases(paths, 7))

    def test_the_bundled_model(self):
        self.compare(self.cases([MODEL], 1))
        self.assertEqual([by_hearth(MODEL, short) for short in SHORT],
                         [by_hearth(MODEL, long) for long in SHORT.values()])

    @REFERENCE
    def test_other_depths_of_every_architecture(self):
        rng = random.Random(1)
        paths = [self.grown_file(source, source.name, rng, (256, 512, 768))
                 for source in sorted(FOLDER.glob("*.gguf"))]
        self.compare(self.cases(paths, 11))

    @REFERENCE
    def test_heads_that_share_keys(self):
        rng = random.Random(2)
        paths = []
        for arch, layers in (("llama", 32), ("llama", 80), ("qwen2", 80), ("qwen3", 36)):
            for kv_heads in (1, 2, 8):
                paths.append(self.grown_file(
                    FOLDER / f"{arch}-dense.gguf", f"{arch}-{layers}-{kv_heads}.gguf", rng, (256,),
                    layers=layers, **{"attention.head_count": 8,
                                      "attention.head_count_kv": kv_heads}))
        self.compare(self.cases(paths, 5))

    @REFERENCE
    def test_experts(self):
        rng = random.Random(3)
        paths = []
        for source in sorted(FOLDER.glob("*-moe.gguf")):
            for experts in (2, 4, 8, 128):
                paths.append(self.grown_file(source, f"{source.stem}-{experts}.gguf", rng, (256,),
                                             expert_count=experts, expert_used_count=2))
        self.compare(self.cases(paths, 3))

    @REFERENCE
    def test_rows_that_blocks_do_not_divide(self):
        rng = random.Random(4)
        paths = [self.grown_file(FOLDER / f"{name}.gguf", f"{name}.gguf", rng,
                                 (32, 96, 100, 128, 320, 384, 512), layers=9)
                 for name in ("llama-dense", "qwen2-dense", "qwen3moe-moe", "gpt-oss-moe")]
        self.compare(self.cases(paths, 3))

    @REFERENCE
    def test_overrides(self):
        rng = random.Random(5)
        # In whole blocks: the peer takes these formats as they are, though no such file can be.
        paths = [self.grown_file(FOLDER / f"{name}.gguf", f"{name}-{i}.gguf", rng, (256, 512),
                                 layers=14)
                 for name in ("llama-dense", "gemma3-dense", "qwen3moe-moe") for i in range(2)]
        self.compare([(path, recipe, *flags) for path in paths for flags in OVERRIDES
                      for recipe in ("Q4_K_M", "IQ3_XS", "Q2_K")])

    @REFERENCE
    def test_files_that_are_written(self):
        for name in ("llama-moe", "lfm2-dense", "qwen35-dense"):
            for recipe in ("Q4_K_M", "Q3_K_L", "Q5_0"):
                source = FOLDER / f"{name}.gguf"
                theirs, ours = self.folder / "theirs.gguf", self.folder / "ours.gguf"
                peer.run("llama-quantize", source, theirs, recipe)
                self.succeed("quantize", str(source), str(ours), recipe)
                kinds = [{t.name: t.kind for t in GgufFile(path.read_bytes()).tensors}
                         for path in (theirs, ours)]
                self.assertEqual(*kinds, (name, recipe))
                self.assertEqual(plan(source, recipe)["bytes"], ours.stat().st_size)


def small_model(layers):
    tensors = {"token_embd.weight": (64, 256), "output_norm.weight": (256,)}
    for i in range(layers):
        tensors |= {f"blk.{i}.attn_norm.weight": (256,), f"blk.{i}.attn_v.weight": (2, 256),
                    f"blk.{i}.attn_q.weight": (8, 256), f"blk.{i}.ffn_down.weight": (4, 512)}
    return gguf_file.make({"general.architecture": "llama", "llama.block_count": layers,
                           "llama.attention.head_count": 4, "llama.attention.head_count_kv": 1},
                          {name: np.zeros(shape) for name, shape in tensors.items()})


class Report(hearth.Case):
    def setUp(self):
        super().setUp()
        self.model = self.file("model.gguf", small_model(24))

    def plan(self, recipe, *flags):
        return hearth.run("quantize", self.model, str(self.folder / "out.gguf"), recipe,
                          "--dry-run", *flags)

    def test_the_table(self):
        text = self.plan("Q4_K_M").text
        lines = {line.split()[0]: line for line in text.splitlines()}
        self.assertEqual(list(lines)[:-1], ["token_embd", "attn_v", "attn_q", "ffn_down", "others"])
        self.assertRegex(lines["token_embd"], r"^token_embd +13\.4 kB  Q6_K$")
        self.assertRegex(lines["attn_v"], r"  Q6_K 0-2,5,8\.\.20,21-23; Q4_K the rest$")
        self.assertRegex(lines["others"], r"  F32$")
        self.assertRegex(text, r"(?m)^[\d.]+ kB, [\d.]+ bits per weight: [\d.]+ % of the input's ")
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assert_tidy("model.gguf")

    def test_each_tensor(self):
        text = self.plan("Q4_K_M", "--tensors").text
        self.assertRegex(text, r"(?m)^blk\.0\.attn_v\.weight +420 bytes  F32 to Q6_K$")
        self.assertRegex(text, r"(?m)^output_norm\.weight +1\.0 kB  F32$")

    def test_json_is_what_is_written(self):
        value = json.loads(self.plan("q4_k_m", "--json").text)
        self.assertEqual(value["file_type"], 15)
        self.assertEqual(value["input_bytes"], pathlib.Path(self.model).stat().st_size)
        self.assertEqual(value["input_bits_per_weight"], 32)
        out = self.folder / "out.gguf"
        self.succeed("quantize", self.model, str(out), "Q4_K_M", "--json")
        self.assertEqual(out.stat().st_size, value["bytes"])
        written = GgufFile(out.read_bytes())
        self.assertEqual(written.number("general.file_type"), 15)
        self.assertEqual([t.name for t in written.tensors], [t["name"] for t in value["tensors"]])

    def test_few_bits_want_to_know_more(self):
        self.assertIn("--imatrix", self.plan("IQ2_XS").err.decode())
        self.assertEqual(self.plan("Q2_K").err, b"")

    def test_what_makes_no_sense(self):
        for words, args in (("Q4_K_M", ["Q9_K"]), ("attn_v=Q8_0", ["Q4_K", "--tensor-type", "x"]),
                            ("'atn_v'", ["Q4_K", "--tensor-type", "atn_v=Q8_0"]),
                            ("'attn_norm'", ["Q4_K", "--tensor-type", "attn_norm=Q8_0"]),
                            ("')' is missing", ["Q4_K", "--tensor-type", "(a=Q8_0"]),
                            ("'Q8_9'", ["Q4_K", "--tensor-type", "attn_v=Q8_9"]),
                            ("'I32'", ["Q4_K", "--output-tensor-type", "I32"]),
                            ("TYPE", ["--bpw", "4", "--pure"])):
            done = hearth.run("quantize", self.model, str(self.folder / "out.gguf"), *args)
            self.assert_one_line(done, 2, words)
        self.assert_tidy("model.gguf")

    def test_help_names_all(self):
        text = self.succeed("quantize", "--help").text
        for recipe in RECIPES:
            self.assertRegex(text, rf"(?m)^  {recipe} +\d+\.\d\d\b")


if __name__ == "__main__":
    unittest.main()
