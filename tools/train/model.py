"""The story model in plain PyTorch: Llama blocks, written to be read. Needs torch.

Modules carry the names of GGUF tensors, so a state_dict is already what export.py writes.
"""

import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional


@dataclasses.dataclass
class Config:
    vocab: int = 4096
    width: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    ff: int = 768
    context: int = 512
    eps: float = 1e-5
    theta: float = 10000.0

    @property
    def head_width(self):
        return self.width // self.heads


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        # Always in float32: bfloat16 sums of squares cost more than they save.
        wide = x.float()
        return wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rope_tables(config):
    """Cosine and sine of position * theta^(-2 i / head_width), one column per pair."""
    pairs = torch.arange(0, config.head_width, 2, dtype=torch.float64) / config.head_width
    angles = torch.outer(torch.arange(config.context, dtype=torch.float64), config.theta ** -pairs)
    return angles.cos().float(), angles.sin().float()


def rotate(x, cos, sin):
    """Turns the pairs (0, 1), (2, 3), ... of every head; x is batch, heads, positions, width."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        kv_width = config.kv_heads * config.head_width
        self.attn_norm = RmsNorm(config.width, config.eps)
        self.attn_q = nn.Linear(config.width, config.width, bias=False)
        self.attn_k = nn.Linear(config.width, kv_width, bias=False)
        self.attn_v = nn.Linear(config.width, kv_width, bias=False)
        self.attn_output = nn.Linear(config.width, config.width, bias=False)
        self.ffn_norm = RmsNorm(config.width, config.eps)
        self.ffn_gate = nn.Linear(config.width, config.ff, bias=False)
        self.ffn_up = nn.Linear(config.width, config.ff, bias=False)
        self.ffn_down = nn.Linear(config.ff, config.width, bias=False)

    def attention(self, x, cos, sin, mask):
        c = self.config
        batch, length, _ = x.shape

        def split(y, heads):
            return y.view(batch, length, heads, c.head_width).transpose(1, 2)

        q = rotate(split(self.attn_q(x), c.heads), cos, sin)
        k = rotate(split(self.attn_k(x), c.kv_heads), cos, sin)
        v = split(self.attn_v(x), c.kv_heads)
        group = c.heads // c.kv_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        scores = (q @ k.transpose(-1, -2)).float() / math.sqrt(c.head_width) + mask
        mixed = functional.softmax(scores, dim=-1).to(v.dtype) @ v
        return self.attn_output(mixed.transpose(1, 2).reshape(batch, length, c.width))

    def forward(self, x, cos, sin, mask):
        x = x + self.attention(self.attn_norm(x), cos, sin, mask)
        y = self.ffn_norm(x)
        return x + self.ffn_down(functional.silu(self.ffn_gate(y)) * self.ffn_up(y))


class StoryModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embd = nn.Embedding(config.vocab, config.width)
        self.output_norm = RmsNorm(config.width, config.eps)
        self.blk = nn.ModuleList(Block(config) for _ in range(config.layers))
        cos, sin = rope_tables(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self.initialize)

    def initialize(self, module):
        """Small normal weights; what writes to the residual stream is smaller the deeper we are."""
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, Block):
            for layer in (module.attn_output, module.ffn_down):
                nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * self.config.layers))

    def forward(self, ids):
        length = ids.shape[1]
        mask = torch.full((length, length), float("-inf"), device=ids.device).triu(1)
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, self.cos[:length], self.sin[:length], mask)
        return functional.linear(self.output_norm(x), self.token_embd.weight)

    def loss(self, ids, targets):
        logits = self(ids).float()
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def config_from_gguf(metadata):
    def of(key):
        return metadata["llama." + key]

    return Config(vocab=len(metadata["tokenizer.ggml.tokens"]), width=of("embedding_length"),
                  layers=of("block_count"), heads=of("attention.head_count"),
                  kv_heads=of("attention.head_count_kv"), ff=of("feed_forward_length"),
                  context=of("context_length"), eps=of("attention.layer_norm_rms_epsilon"),
                  theta=of("rope.freq_base"))


def model_from_weights(config, weights):
    """weights: GGUF tensor name to float32 array."""
    model = StoryModel(config)
    model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    return model.eval()
