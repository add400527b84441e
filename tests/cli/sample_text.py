"""Texts for tests that measure models on them."""
import random

PEOPLE = ("Tom", "Lily", "the old man", "a little bird", "Mia", "her brother")
DEEDS = ("found", "lost", "painted", "carried", "hid", "looked for", "sang about", "shared")
THINGS = ("a red ball", "the big tree", "some bread", "a small boat", "the moon", "two cats")
ENDS = (".", " and was happy.", ", but it began to rain.", " with a smile.", "!")


def story(sentences, seed=1):
    """As many short sentences, different ones for each seed."""
    rng = random.Random(seed)
    return " ".join(
        f"{rng.choice(PEOPLE)} {rng.choice(DEEDS)} {rng.choice(THINGS)}{rng.choice(ENDS)}"
        for _ in range(sentences)) + "\n"
