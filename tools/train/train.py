#!/usr/bin/python3
"""Trains the bundled story model from scratch. Needs numpy, torch, sentencepiece.

    train.py --corpus DIR --tokenizer tok4096.model --out RUN

DIR holds ts_train.txt, cc_train.txt, pg_train.txt and the three *_val.txt, documents separated by
the byte 0x1E. RUN gets checkpoint.pt and the tokenized corpus. When RUN already has a checkpoint,
the run goes on from there and draws the windows that it would have drawn without the break.
"""

import argparse
import dataclasses
import math
import os
import pathlib
import sys
import time

import numpy
import sentencepiece
import torch
from torch.nn import functional

import model

# Share of the trained tokens that each source gives: TinyStories, African Storybook, Gutenberg.
MIXTURE = {"ts": 0.71, "cc": 0.10, "pg": 0.19}
SEPARATOR = b"\x1e"
BETAS = (0.9, 0.98)
WEIGHT_DECAY = 0.1
CLIP = 1.0
LAST_RATE = 0.05  # of the peak learning rate


def tokenize_file(path, pieces):
    """All documents in one row, each between begin-of-text and end-of-text."""
    ids = []
    for document in path.read_bytes().split(SEPARATOR):
        text = document.decode("utf-8").strip()
        if text:
            ids.append(pieces.bos_id())
            ids.extend(pieces.encode(text))
            ids.append(pieces.eos_id())
    return numpy.array(ids, dtype=numpy.uint16)


def load_split(args, pieces, split):
    """Token rows by source; kept in RUN, because tokenizing takes longer than a restart should."""
    rows = {}
    for source in MIXTURE:
        text = pathlib.Path(args.corpus) / f"{source}_{split}.txt"
        kept = pathlib.Path(args.out) / f"{source}_{split}.npy"
        if not kept.exists() or kept.stat().st_mtime < text.stat().st_mtime:
            say(f"tokenizing {text.name}")
            numpy.save(kept, tokenize_file(text, pieces))
        rows[source] = numpy.load(kept)
    return rows


def draw_batch(rows, seed, step, window, tokens):
    """The windows of one step depend on seed and step alone, so a resumed run repeats nothing."""
    random = numpy.random.default_rng([seed, step])
    sources = random.choice(list(MIXTURE), size=tokens // window, p=list(MIXTURE.values()))
    batch = []
    for source in sources:
        row = rows[source]
        begin = random.integers(0, len(row) - window)
        batch.append(row[begin:begin + window + 1].astype(numpy.int64))
    batch = torch.from_numpy(numpy.stack(batch))
    return batch[:, :-1], batch[:, 1:]


def learning_rate(step, args):
    if step < args.warmup:
        return args.rate * (step + 1) / args.warmup
    done = (step - args.warmup) / max(1, args.steps - args.warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * done))
    return args.rate * (LAST_RATE + (1 - LAST_RATE) * cosine)


def make_optimizer(net):
    """Decay pulls at matrices only: a norm weight that shrinks is no simpler model."""
    matrices = [p for p in net.parameters() if p.dim() == 2]
    vectors = [p for p in net.parameters() if p.dim() != 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY},
              {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS)


def train_step(net, optimizer, batch, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net.loss(*batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def validation_loss(net, row, limit):
    """Mean nats per token over the first windows of held-out text.

    In bfloat16 like the training, because it shares the run's time; golden.py gives exact numbers.
    """
    window = net.config.context
    total, count = 0.0, 0
    for begin in range(0, min(len(row) - 1, limit), window):
        ids = torch.from_numpy(row[begin:begin + window + 1].astype(numpy.int64))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(ids[None, :-1])[0].float()
        total += functional.cross_entropy(logits, ids[1:], reduction="sum").item()
        count += len(ids) - 1
    return total / count


def say(text):
    print(text, file=sys.stderr, flush=True)


def left(seconds):
    minutes = int(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes else f"{int(seconds)} s"


class Progress:
    """One line that renews itself on a terminal; a plain line now and then in a log."""

    def __init__(self, first, args):
        self.first, self.args = first, args
        self.begin = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.smooth = None

    def show(self, step, loss, rate):
        self.smooth = loss if self.smooth is None else 0.95 * self.smooth + 0.05 * loss
        if not self.terminal and (step + 1) % self.args.log_every != 0:
            return
        done = step + 1 - self.first
        seconds = max(time.monotonic() - self.begin, 1e-9)
        remaining = (self.args.steps - step - 1) * seconds / done
        line = (f"step {step + 1}/{self.args.steps}  loss {self.smooth:.3f}  rate {rate:.2e}  "
                f"{done * self.args.tokens / seconds:,.0f} tokens/s  {left(remaining)} left")
        print(f"\r{line}\x1b[K" if self.terminal else line, end="" if self.terminal else "\n",
              file=sys.stderr, flush=True)

    def pause(self, work):
        """Does something that is no training, so that it does not count against the rate."""
        if self.terminal:
            print(file=sys.stderr)
        begin = time.monotonic()
        work()
        self.begin += time.monotonic() - begin


def checkpoint_path(args):
    return pathlib.Path(args.out) / "checkpoint.pt"


def save(args, net, optimizer, step):
    partial = checkpoint_path(args).with_suffix(".partial")
    torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict(), "step": step,
                "config": dataclasses.asdict(net.config), "seed": args.seed}, partial)
    os.replace(partial, checkpoint_path(args))  # a break in the middle keeps the old one whole


def resume(args, net, optimizer):
    """Loads the checkpoint of an earlier run, if there is one, and returns the next step."""
    if not checkpoint_path(args).exists():
        return 0
    state = torch.load(checkpoint_path(args), map_location="cpu")
    if state["seed"] != args.seed:
        sys.exit(f"{checkpoint_path(args)} was begun with --seed {state['seed']}")
    net.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    say(f"going on from step {state['step']}")
    return state["step"]


def report_validation(net, rows, step, args):
    net.eval()
    losses = [f"{source} {validation_loss(net, row, args.val_tokens):.3f}"
              for source, row in rows.items()]
    net.train()
    say(f"validation after step {step}, nats per token: " + ", ".join(losses))


def keep(args, net, optimizer, val, step):
    save(args, net, optimizer, step)
    report_validation(net, val, step, args)


def run(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    pieces = sentencepiece.SentencePieceProcessor(model_file=args.tokenizer)
    net = model.StoryModel(model.Config(vocab=pieces.get_piece_size(), width=args.width,
                                        layers=args.layers, ff=args.ff))
    optimizer = make_optimizer(net)
    first = resume(args, net, optimizer)
    train, val = (load_split(args, pieces, split) for split in ("train", "val"))
    say(f"{sum(p.numel() for p in net.parameters()):,} parameters, "
        + ", ".join(f"{source} {len(row):,} tokens" for source, row in train.items()))
    progress = Progress(first, args)
    for step in range(first, args.steps):
        # Short windows first: most of what is learnt early needs little context and costs less.
        window = args.short if step < args.short_part * args.steps else args.long
        rate = learning_rate(step, args)
        batch = draw_batch(train, args.seed, step, window, args.tokens)
        progress.show(step, train_step(net, optimizer, batch, rate), rate)
        last = step + 1 == args.steps
        if last or (step + 1) % args.save_every == 0:
            progress.pause(lambda: keep(args, net, optimizer, val, step + 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--corpus", required=True, help="folder of *_train.txt and *_val.txt")
    parser.add_argument("--tokenizer", required=True, help="SentencePiece model")
    parser.add_argument("--out", required=True, help="folder for the checkpoint")
    parser.add_argument("--width", type=int, default=model.Config.width, help="of the model")
    parser.add_argument("--layers", type=int, default=model.Config.layers)
    parser.add_argument("--ff", type=int, default=model.Config.ff, help="width of the feed-forward")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--tokens", type=int, default=4096, help="tokens of one step")
    parser.add_argument("--short", type=int, default=256, help="window at the beginning")
    parser.add_argument("--long", type=int, default=512, help="window at the end")
    parser.add_argument("--short-part", type=float, default=0.75, help="share of short steps")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=200, help="steps up to the peak")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-every", type=int, default=250, help="steps")
    parser.add_argument("--log-every", type=int, default=10, help="steps, when no terminal")
    parser.add_argument("--val-tokens", type=int, default=32768, help="per source")
    args = parser.parse_args()
    if max(args.short, args.long) > model.Config.context:
        parser.error(f"a window is longer than the context of {model.Config.context}")
    if args.tokens < max(args.short, args.long):
        parser.error("--tokens is less than one window")
    run(args)


if __name__ == "__main__":
    main()
