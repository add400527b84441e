"""Small models of random weights for long texts, each as a GGUF file and in float64.

Where all weights are random, what stands far back drowns in the average of thousands of tokens.
Here each token of NEEDLES has one in QUESTIONS that looks for it: the matrix of queries is that of
keys behind a random turn, which brings a question to its needle, with some noise. And keys are
larger in the pairs of values that rope turns slowly, so that distance does not hide the match.
"""
import struct

import numpy as np

import hearth
import plain_forward as plain
from gguf_file import ALIGNMENT, ARRAY, F32, STRING
from plain_forward import Plain, Rope

EMBD, HEADS, KV_HEADS, DIM, FF = 64, 2, 1, 64, 64
SHAPE = (HEADS, KV_HEADS, DIM)
FILLERS, NEEDLES, QUESTIONS, VOCAB = range(80), range(80, 96), range(96, 112), 112
EPS = 1e-5
U32, I32, FLOAT = 4, 5, 6
CONTEXT, WINDOW = (16384, 1024) if hearth.FULL else (4096, 512)
ORIGINAL = CONTEXT // 4  # where scaling of rope begins
BASE = 1e6
GAIN = 2.2


def packed_text(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def packed(value):
    """Type and content of a value of metadata."""
    if isinstance(value, str):
        return struct.pack("<I", STRING) + packed_text(value)
    if isinstance(value, list):
        return struct.pack("<IIQ", ARRAY, I32, len(value)) + np.array(value, "<i4").tobytes()
    if isinstance(value, float):
        return struct.pack("<If", FLOAT, value)
    return struct.pack("<II", U32, value)


def gguf(keys, tensors):
    """The bytes of a file."""
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)))
    for key, value in keys.items():
        head += packed_text(key) + packed(value)
    body = bytearray()
    for name, data in tensors.items():
        head += packed_text(name) + struct.pack("<I", data.ndim)
        head += struct.pack(f"<{data.ndim}QIQ", *data.shape[::-1], F32, len(body))
        body += data.astype("<f4").tobytes()
        body += bytes(-len(body) % ALIGNMENT)
    return bytes(head + bytes(-len(head) % ALIGNMENT) + body)


class Random:
    """A model in the making. `layers` are those of Plain.logits()."""

    def __init__(self, architecture, n_layers, **keys):
        self.architecture, self.draw = architecture, np.random.default_rng(len(architecture))
        self.keys, self.tensors, self.layers = {"general.architecture": architecture}, {}, []
        self.key(block_count=n_layers, embedding_length=EMBD, context_length=CONTEXT,
                 feed_forward_length=FF)
        self.key("attention.", head_count=HEADS, head_count_kv=KV_HEADS, key_length=DIM,
                 value_length=DIM, layer_norm_rms_epsilon=EPS)
        self.key("rope.", dimension_count=DIM, freq_base=BASE)
        self.key(**keys)
        self.output = {}  # how Plain.logits() ends and begins
        self.turn = np.linalg.qr(self.draw.normal(size=(EMBD, EMBD)))[0]
        self.linear("token_embd", EMBD, VOCAB, width=1)
        embedding = self.tensors["token_embd.weight"]
        embedding[QUESTIONS] = embedding[NEEDLES] @ self.turn
        self.vector("output_norm.weight", EMBD)

    def key(self, prefix="", **keys):
        for name, value in keys.items():
            self.keys[f"{self.architecture}.{prefix}{name}"] = value

    def scaling(self, kind, factor, original=ORIGINAL, **keys):
        self.key("rope.scaling.", type=kind, factor=factor, original_context_length=original,
                 **keys)

    def linear(self, name, columns, *rows, width=None):
        width = columns ** -0.5 if width is None else width
        self.tensors[name + ".weight"] = self.draw.normal(0, width, (*rows, columns))

    def vector(self, name, *shape, width=0.2, middle=1):
        self.tensors[name] = self.draw.normal(middle, width, shape)

    def norms(self, i, *names, size=EMBD):
        for name in names:
            self.vector(f"blk.{i}.{name}.weight", size)

    def attention(self, i, halves=True, head_norms=False, gated=False, biases=False):
        part = f"blk.{i}.attn_"
        self.linear(part + "k", EMBD, KV_HEADS * DIM)
        self.linear(part + "v", EMBD, KV_HEADS * DIM)
        self.linear(part + "output", HEADS * DIM, EMBD)
        slowness = np.linspace(0, 1, DIM // 2) ** 2
        slowness = np.tile(slowness, 2) if halves else slowness.repeat(2)
        keys = self.tensors[part + "k.weight"].reshape(KV_HEADS, DIM, EMBD)
        keys *= GAIN * slowness[:, None]
        queries = keys.repeat(HEADS // KV_HEADS, axis=0) @ self.turn
        queries += self.draw.normal(0, EMBD ** -0.5 / 8, queries.shape)
        if gated:
            gates = self.draw.normal(0, EMBD ** -0.5, queries.shape)
            queries = np.concatenate([queries, gates], axis=1)
        self.tensors[part + "q.weight"] = queries.reshape(-1, EMBD)
        if head_norms:
            for which in ("q", "k"):
                self.vector(f"{part}{which}_norm.weight", DIM, middle=GAIN)
        if biases:
            for which, size in (("q", HEADS * DIM), ("k", KV_HEADS * DIM), ("output", EMBD)):
                self.vector(f"{part}{which}.bias", size, middle=0)

    def feed_forward(self, i):
        for which in ("gate", "up"):
            self.linear(f"blk.{i}.ffn_{which}", EMBD, FF)
        self.linear(f"blk.{i}.ffn_down", FF, EMBD)

    def done(self):
        """Weights are what the file holds of them: floats of 32 bits."""
        self.tensors = {name: data.astype("<f4") for name, data in self.tensors.items()}
        self.plain = Plain(self.tensors, float(np.float32(EPS)))
        return self

    def file(self):
        return gguf(self.keys, self.tensors)

    def add_layer(self, mixer, feed_forward, norms):
        """mixer(x, rows) and feed_forward(x) of the layer behind those that are there."""
        i = len(self.layers)
        self.norms(i, *filter(None, norms))
        self.layers.append(
            lambda x, rows: self.plain.layer(i, x, rows, mixer, feed_forward, norms))

    def add_attention_layer(self, rope, window=None, norms=("attn_norm", None, "ffn_norm", None),
                            activation=plain.silu, **options):
        i = len(self.layers)
        self.attention(i, **options)
        self.feed_forward(i)
        gated = options.get("gated", False)
        self.add_layer(
            lambda x, rows: self.plain.attention(i, x, rows, SHAPE, rope, window, gated),
            lambda x: self.plain.feed_forward(i, x, activation), norms)

    def logits(self, ids, wanted):
        return self.plain.logits(np.asarray(ids), np.asarray(wanted), self.layers, **self.output)


def llama3_scaling():
    """Llama 3.1: divisors in a tensor, as converted files have them."""
    model = Random("llama", 2)
    divisors = plain.llama3_divisors(DIM, BASE, 8.0, ORIGINAL).astype("<f4")
    model.tensors["rope_freqs.weight"] = divisors
    for _ in range(2):
        model.add_attention_layer(Rope(plain.plain_speeds(DIM, BASE) / divisors, halves=False),
                                  halves=False)
    return model.done()


def yarn(architecture="qwen2", factor=4.0, **options):
    model = Random(architecture, 2)
    model.scaling("yarn", factor)
    rope = Rope(plain.yarn_speeds(DIM, BASE, factor, ORIGINAL),
                magnitude=plain.yarn_growth(factor))
    for _ in range(2):
        model.add_attention_layer(rope, **options)
    return model.done()


def yarn_with_head_norms():
    return yarn("qwen3", head_norms=True)


def longrope():
    """Phi 3: other divisors, and larger values, where the context is beyond the original one."""
    growth = float(np.float32(np.sqrt(1 + np.log(CONTEXT / ORIGINAL) / np.log(ORIGINAL))))
    model = Random("phi3", 2)
    model.key("rope.scaling.", original_context_length=ORIGINAL, attn_factor=growth)
    model.vector("rope_factors_short.weight", DIM // 2, width=0.01)
    model.tensors["rope_factors_long.weight"] = np.geomspace(1, 5, DIM // 2).astype("<f4")
    long_speeds = plain.plain_speeds(DIM, BASE) / model.tensors["rope_factors_long.weight"]
    model.rope = Rope(long_speeds, magnitude=growth)
    for _ in range(2):
        model.add_attention_layer(model.rope)
    return model.done()


GEMMA_NORMS = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")


def windows(slides):
    """Gemma 3: layers that slide have a rope of their own, which nothing scales."""
    model = Random("gemma3", len(slides))
    model.key("attention.", sliding_window=WINDOW, sliding_window_pattern=slides)
    model.scaling("linear", 8.0)
    model.key("rope.", freq_base_swa=1e4)
    model.output = {"embedding_scale": float(np.float32(np.sqrt(EMBD)))}
    for slide in slides:
        rope = Rope(plain.plain_speeds(DIM, 1e4) if slide else plain.plain_speeds(DIM, BASE) / 8)
        model.add_attention_layer(rope, WINDOW if slide else None, GEMMA_NORMS, plain.gelu,
                                  head_norms=True)
    return model.done()


def windows_and_whole():
    return windows([1, 0, 1])


def windows_only():
    return windows([1, 1])


def sinks():
    """gpt-oss: every other layer slides, YaRN in all of them, sinks and experts."""
    n_experts, used, factor = 4, 2, 4.0
    model = Random("gpt-oss", 4, expert_count=n_experts, expert_used_count=used,
                   expert_feed_forward_length=FF)
    model.key("attention.", sliding_window=WINDOW)
    model.scaling("yarn", factor)
    rope = Rope(plain.yarn_speeds(DIM, BASE, factor, ORIGINAL),
                magnitude=plain.yarn_growth(factor))
    for i in range(4):
        model.attention(i, biases=True)
        model.vector(f"blk.{i}.attn_sinks.weight", HEADS, width=1, middle=0)
        model.linear(f"blk.{i}.ffn_gate_inp", EMBD, n_experts)
        model.vector(f"blk.{i}.ffn_gate_inp.bias", n_experts, middle=0)
        for which in ("gate", "up"):
            model.linear(f"blk.{i}.ffn_{which}_exps", EMBD, n_experts, FF)
        model.linear(f"blk.{i}.ffn_down_exps", FF, n_experts, EMBD)
        model.add_layer(
            lambda x, rows, i=i: model.plain.attention(i, x, rows, SHAPE, rope,
                                                       WINDOW if i % 2 == 0 else None),
            lambda x, i=i: model.plain.experts(i, x, used),
            ("attn_norm", None, "post_attention_norm", None))
    return model.done()


def latent():
    """DeepSeek V3: latent attention with YaRN, whose growth is of scores alone."""
    rank, turned, nope, factor, share = 48, 16, 48, 4.0, 1.0
    model = Random("deepseek2", 2, leading_dense_block_count=2)
    model.key("attention.", q_lora_rank=rank, kv_lora_rank=rank, key_length_mla=nope + turned,
              value_length_mla=DIM)
    # Converted files hold a tenth of the share (mscale_all_dim).
    model.scaling("yarn", factor, yarn_log_multiplier=0.1 * share)
    model.key("rope.", dimension_count=turned)
    rope = Rope(plain.yarn_speeds(turned, BASE, factor, ORIGINAL), halves=False)
    for i in range(2):
        part = f"blk.{i}.attn_"
        model.linear(part + "kv_a_mqa", EMBD, rank + turned)
        keys = model.tensors[part + "kv_a_mqa.weight"][:rank]
        model.tensors[part + "q_a.weight"] = keys @ model.turn
        model.linear(part + "k_b", nope, HEADS, rank, width=GAIN * rank ** -0.5)
        queries = model.draw.normal(0, rank ** -0.5, (HEADS, nope + turned, rank))
        queries[:, :nope] = model.tensors[part + "k_b.weight"].swapaxes(1, 2)
        model.tensors[part + "q_b.weight"] = queries.reshape(-1, rank)
        model.linear(part + "v_b", rank, HEADS, DIM)
        model.linear(part + "output", HEADS * DIM, EMBD)
        model.norms(i, "attn_q_a_norm", "attn_kv_a_norm", size=rank)
        model.feed_forward(i)
        model.add_layer(
            lambda x, rows, i=i: model.plain.latent_attention(
                i, x, rows, HEADS, rope, plain.yarn_growth(factor, share)),
            lambda x, i=i: model.plain.feed_forward(i, x),
            ("attn_norm", None, "ffn_norm", None))
    return model.done()


def short_convolutions():
    model = Random("lfm2", 2)
    model.key("attention.", head_count_kv=[0, KV_HEADS])
    model.key("shortconv.", l_cache=3)
    model.tensors["token_embd_norm.weight"] = model.tensors.pop("output_norm.weight")
    model.output = {"output_norm": "token_embd_norm"}
    model.linear("blk.0.shortconv.in_proj", EMBD, 3 * EMBD)
    model.linear("blk.0.shortconv.conv", 3, EMBD, width=0.5)
    model.linear("blk.0.shortconv.out_proj", EMBD, EMBD)
    model.feed_forward(0)
    model.add_layer(lambda x, rows: model.plain.short_conv(0, x, rows),
                    lambda x: model.plain.feed_forward(0, x),
                    ("attn_norm", None, "ffn_norm", None))
    model.add_attention_layer(Rope(plain.plain_speeds(DIM, BASE)), head_norms=True)
    return model.done()


def delta_nets():
    heads, key_heads, dim, taps = 2, 1, 32, 4
    values, width = heads * dim, (heads + 2 * key_heads) * dim
    model = Random("qwen35", 2, full_attention_interval=2)
    model.key("ssm.", conv_kernel=taps, state_size=dim, time_step_rank=heads,
              group_count=key_heads, inner_size=values)
    for name, rows in (("attn_qkv", width), ("attn_gate", values), ("ssm_alpha", heads),
                       ("ssm_beta", heads)):
        model.linear(f"blk.0.{name}", EMBD, rows)
    model.linear("blk.0.ssm_conv1d", taps, width, width=0.5)
    # One head forgets within a hundred tokens, the other hardly in the whole text.
    model.tensors["blk.0.ssm_a"] = np.array([-0.02, -0.0002])
    model.vector("blk.0.ssm_dt.bias", heads, middle=0)
    model.norms(0, "ssm_norm", size=dim)
    model.linear("blk.0.ssm_out", values, EMBD)
    model.feed_forward(0)
    norms = ("attn_norm", None, "post_attention_norm", None)
    model.add_layer(lambda x, rows: model.plain.delta_net(0, x, rows, heads, key_heads, dim),
                    lambda x: model.plain.feed_forward(0, x), norms)
    model.add_attention_layer(Rope(plain.plain_speeds(DIM, BASE)), norms=norms, gated=True,
                              head_norms=True)
    return model.done()
