"""Blocks of language models in float64, each straight from its definition: whole histories, windows
as masks, keys and values of every head written out. Slow, and without any cache."""
import numpy as np

ROWS = 256  # of queries at a time


class Rope:
    """speeds [pairs] in radians for a position; halves says which values make a pair."""

    def __init__(self, speeds, halves=True, magnitude=1.0):
        self.speeds, self.halves, self.magnitude = np.asarray(speeds), halves, magnitude

    def turned(self, x, positions):
        """x is [tokens][heads][dim]; values behind the pairs stay."""
        angles = np.asarray(positions)[:, None, None] * self.speeds
        cos, sin = np.cos(angles) * self.magnitude, np.sin(angles) * self.magnitude
        n = len(self.speeds)
        first, second = ((slice(0, n), slice(n, 2 * n)) if self.halves
                         else (slice(0, 2 * n, 2), slice(1, 2 * n, 2)))
        out = x.copy()
        out[..., first] = x[..., first] * cos - x[..., second] * sin
        out[..., second] = x[..., first] * sin + x[..., second] * cos
        return out


def plain_speeds(dims, base):
    return base ** (-np.arange(0, dims, 2) / dims)


def yarn_speeds(dims, base, factor, original, fast=32.0, slow=1.0):
    """YaRN (arXiv 2309.00071, section 3.2) with the ramp over numbers of pairs, as in its code."""
    def pair_with(turns):
        return dims * np.log(original / (turns * 2 * np.pi)) / (2 * np.log(base))
    low = max(np.floor(pair_with(fast)), 0)
    high = min(np.ceil(pair_with(slow)), dims - 1)
    ramp = np.clip((np.arange(dims // 2) - low) / max(high - low, 1e-3), 0, 1)
    speeds = plain_speeds(dims, base)
    return speeds / factor * ramp + speeds * (1 - ramp)


def yarn_growth(factor, share=1.0):
    """What YaRN multiplies queries and keys with (its equation 22)."""
    return 0.1 * share * np.log(factor) + 1


def llama3_divisors(dims, base, factor, original, low=1.0, high=4.0):
    """Of Llama 3.1: waves longer than original / low are slowed, shorter than / high kept."""
    waves = 2 * np.pi / plain_speeds(dims, base)
    smooth = np.clip((original / waves - low) / (high - low), 0, 1)
    return 1 / ((1 - smooth) / factor + smooth)


def rms_norm(x, weight, eps):
    return x / np.sqrt((x ** 2).mean(axis=-1, keepdims=True) + eps) * weight


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def gelu(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def in_8_bits(x):
    """Rows of whole numbers up to 127 with one scale each (tensor/attention.h)."""
    largest = np.abs(x).max(axis=-1, keepdims=True)
    return np.rint(x * 127 / largest) * largest / 127


def in_f16(x):
    return x.astype(np.float16).astype(np.float64)


# What a KV cache makes of queries, and of keys and values.
CACHES = {"f32": (lambda x: x, lambda x: x), "f16": (lambda x: x, in_f16),
          "q8_0": (in_8_bits, in_8_bits)}


def attend(q, k, v, rows, scale, window=None, sinks=None):
    """q [rows][heads][dim], k and v [tokens][kv heads][dim]: [rows][heads * dim]. Row r sees
    positions up to rows[r], the last `window` of them."""
    heads, share = q.shape[1], q.shape[1] // k.shape[1]
    out = np.empty((len(rows), heads, v.shape[2]))
    for at in range(0, len(rows), ROWS):
        here = rows[at:at + ROWS]
        first = 0 if window is None else max(0, here[0] - window + 1)
        places = np.arange(first, here[-1] + 1)
        unseen = places > here[:, None]
        if window is not None:
            unseen |= places <= here[:, None] - window
        for head in range(heads):
            scores = q[at:at + ROWS, head] @ k[first:here[-1] + 1, head // share].T
            scores *= scale
            scores[unseen] = -np.inf
            most = scores.max(axis=1, keepdims=True)
            if sinks is not None:
                most = np.maximum(most, sinks[head])
            scores -= most
            np.exp(scores, out=scores)
            total = scores.sum(axis=1, keepdims=True)
            if sinks is not None:
                total = total + np.exp(sinks[head] - most)
            out[at:at + ROWS, head] = scores @ v[first:here[-1] + 1, head // share] / total
    return out.reshape(len(rows), -1)


def convolved(x, kernel):
    """Causal, one kernel [taps] for each channel of x [tokens][channels]; the last tap is now."""
    taps = kernel.shape[1]
    padded = np.concatenate([np.zeros((taps - 1, x.shape[1])), x])
    return sum(padded[t:t + len(x)] * kernel[:, t] for t in range(taps))


def delta_rule(q, k, v, keep, learn):
    """Gated delta rule (arXiv 2412.06464), token by token. q, k, v [tokens][heads][dim], the others
    [tokens][heads]."""
    memory = np.zeros((q.shape[1], k.shape[2], v.shape[2]))
    out = np.empty(v.shape)
    for t in range(len(q)):
        memory *= keep[t, :, None, None]
        known = np.einsum("hk,hkv->hv", k[t], memory)
        memory += k[t, :, :, None] * ((v[t] - known) * learn[t, :, None])[:, None, :]
        out[t] = np.einsum("hk,hkv->hv", q[t], memory)
    return out


class Plain:
    """Tensors by name as a file has them, and blocks of them. A block takes x [tokens][width] and
    gives what it computes at `rows`."""

    def __init__(self, tensors, eps):
        self.cache = "f32"
        self.margins = []  # of each router that was asked: how far the next expert was behind
        self.tensors = {name: data.astype(np.float64) for name, data in tensors.items()}
        self.eps = eps

    def linear(self, x, name):
        out = x @ self.tensors[name + ".weight"].T
        return out + self.tensors[name + ".bias"] if name + ".bias" in self.tensors else out

    def norm(self, x, name):
        return rms_norm(x, self.tensors[name + ".weight"], self.eps)

    def attend(self, q, k, v, *args):
        queries, stored = CACHES[self.cache]
        return attend(queries(q), stored(k), stored(v), *args)

    def attention(self, i, x, rows, shape, rope, window=None, gated=False):
        """shape is (heads, kv heads, dim)."""
        heads, kv_heads, dim = shape
        part = f"blk.{i}.attn_"
        q = self.linear(x[rows], part + "q").reshape(len(rows), heads, -1)
        k, v = (self.linear(x, part + which).reshape(len(x), kv_heads, dim) for which in "kv")
        gate = 1.0
        if gated:  # behind each head's query
            q, gate = q[..., :dim], sigmoid(q[..., dim:]).reshape(len(rows), -1)
        if part + "q_norm.weight" in self.tensors:
            q, k = self.norm(q, part + "q_norm"), self.norm(k, part + "k_norm")
        q, k = rope.turned(q, rows), rope.turned(k, np.arange(len(x)))
        sinks = self.tensors.get(part + "sinks.weight")
        mixed = self.attend(q, k, v, rows, dim ** -0.5, window, sinks)
        return self.linear(mixed * gate, part + "output")

    def latent_attention(self, i, x, rows, heads, rope, growth):
        """Keys and values of each head are made from a token's latent vector; one turned part of a
        key serves all heads. Scores grow by `growth` squared. A cache that rounds holds the latent
        vector, so queries are brought to it then."""
        part = f"blk.{i}.attn_"
        k_b, v_b = self.tensors[part + "k_b.weight"], self.tensors[part + "v_b.weight"]
        rank, turned = k_b.shape[1], 2 * len(rope.speeds)
        latent = self.linear(x, part + "kv_a_mqa")
        shared = rope.turned(latent[:, None, rank:], np.arange(len(x)))
        latent = self.norm(latent[:, :rank], part + "kv_a_norm")
        q = self.norm(self.linear(x[rows], part + "q_a"), part + "q_a_norm")
        q = self.linear(q, part + "q_b").reshape(len(rows), heads, -1)
        scale = growth ** 2 * q.shape[2] ** -0.5
        q = np.concatenate([q[..., :-turned], rope.turned(q[..., -turned:], rows)], axis=2)
        if self.cache != "f32":
            q = np.concatenate([np.einsum("thj,hrj->thr", q[..., :-turned], k_b),
                                q[..., -turned:]], axis=2)
            latent = latent[:, None]
            mixed = self.attend(q, np.concatenate([latent, shared], axis=2), latent, rows, scale)
            mixed = np.einsum("thr,hjr->thj", mixed.reshape(len(rows), heads, -1), v_b)
            return self.linear(mixed.reshape(len(rows), -1), part + "output")
        k = np.concatenate([np.einsum("tr,hrj->thj", latent, k_b),
                            np.repeat(shared, heads, axis=1)], axis=2)
        v = np.einsum("tr,hjr->thj", latent, v_b)
        mixed = attend(q, k, v, rows, scale)
        return self.linear(mixed, part + "output")

    def short_conv(self, i, x, rows):
        part = f"blk.{i}.shortconv."
        before, behind, values = np.split(self.linear(x, part + "in_proj"), 3, axis=1)
        mixed = behind * convolved(before * values, self.tensors[part + "conv.weight"])
        return self.linear(mixed[rows], part + "out_proj")

    def delta_net(self, i, x, rows, heads, key_heads, dim):
        part = f"blk.{i}."
        qkv = silu(convolved(self.linear(x, part + "attn_qkv"),
                             self.tensors[part + "ssm_conv1d.weight"]))
        keys = key_heads * dim
        q, k = (qkv[:, at:at + keys].reshape(len(x), key_heads, dim) for at in (0, keys))
        q, k = (y / np.sqrt((y ** 2).sum(axis=2, keepdims=True)) for y in (q, k))
        q, k = (np.tile(y, (1, heads // key_heads, 1)) for y in (q * dim ** -0.5, k))
        v = qkv[:, 2 * keys:].reshape(len(x), heads, dim)
        step = np.logaddexp(0, self.linear(x, part + "ssm_alpha")
                            + self.tensors[part + "ssm_dt.bias"])
        keep = np.exp(self.tensors[part + "ssm_a"] * step)
        learn = sigmoid(self.linear(x, part + "ssm_beta"))
        out = self.norm(delta_rule(q, k, v, keep, learn), part + "ssm_norm").reshape(len(x), -1)
        out *= silu(self.linear(x, part + "attn_gate"))
        return self.linear(out[rows], part + "ssm_out")

    def feed_forward(self, i, x, activation=silu):
        part = f"blk.{i}.ffn_"
        hidden = activation(self.linear(x, part + "gate")) * self.linear(x, part + "up")
        return self.linear(hidden, part + "down")

    def experts(self, i, x, used):
        """Of gpt-oss: softmax over the chosen, a clipped SwiGLU."""
        part = f"blk.{i}.ffn_"
        logits = self.linear(x, part + "gate_inp")
        ordered = np.sort(logits, axis=1)
        chosen = logits >= ordered[:, [-used]]
        self.margins.append(ordered[:, -used] - ordered[:, -used - 1])
        shares = np.where(chosen, np.exp(logits - logits.max(axis=1, keepdims=True)), 0)
        shares /= shares.sum(axis=1, keepdims=True)
        out = np.zeros_like(x)
        for e in range(logits.shape[1]):
            gate, up, down = (self.tensors[f"{part}{which}_exps.weight"][e]
                              for which in ("gate", "up", "down"))
            g, u = np.minimum(x @ gate.T, 7), np.clip(x @ up.T, -7, 7)
            out += shares[:, e:e + 1] * ((g * sigmoid(1.702 * g) * (u + 1)) @ down.T)
        return out

    def layer(self, i, x, rows, mixer, feed_forward, norms):
        """`norms` are names: before the mixer, behind it, before the feed-forward, behind it; a
        name of None is no norm."""
        def normed(y, name):
            return y if name is None else self.norm(y, f"blk.{i}.{name}")
        y = x[rows] + normed(mixer(normed(x, norms[0]), rows), norms[1])
        return y + normed(feed_forward(normed(y, norms[2])), norms[3])

    def margin(self, wanted):
        """Of the closest choice of experts for each position of the last logits()."""
        of_layers = [m if len(m) == len(wanted) else m[wanted] for m in self.margins]
        return np.min(of_layers, axis=0) if of_layers else np.full(len(wanted), np.inf)

    def logits(self, ids, wanted, layers, output_norm="output_norm", embedding_scale=1.0):
        """Behind the positions `wanted`. layers[i](x, rows) is layer i at `rows`."""
        x = self.tensors["token_embd.weight"][ids] * embedding_scale
        self.margins = []
        for i, layer in enumerate(layers):
            x = layer(x, wanted if i + 1 == len(layers) else np.arange(len(ids)))
        return self.norm(x, output_norm) @ self.tensors["token_embd.weight"].T
