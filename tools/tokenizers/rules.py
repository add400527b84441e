"""What each pre-tokenizer splits with, as regular expressions: how the model's own tokenizer has
it, and how llama.cpp v0.5.0 has it where that differs. An independent reading of
docs/tokenizers.md."""
import regex

AS_IS = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
ANY_CASE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
GPT2 = [r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"]
HAN_AND_KANA = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
DEEPSEEK_CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
# llama.cpp looks for spaces beyond ASCII under another code, so no range has them.
PEER_DEEPSEEK_CJK = rf"(?:(?!\s){DEEPSEEK_CJK[:-1]})+"


def words(short, number=r"\p{N}", letters=r"[^\r\n\p{L}\p{N}]?\p{L}+", tail=r"[\r\n]*",
          spaces=SPACES, letter=r"\p{L}"):
    first = short + "|" if short else ""
    return [rf"{first}{letters}|{number}| ?[^\s{letter}\p{{N}}]+{tail}|{spaces}"]


def cased(short, number, tail=r"[\r\n/]*", upper=r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]",
          lower=r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"):
    lead = r"[^\r\n\p{L}\p{N}]?"
    end = f"(?:{short})?" if short else ""
    return [rf"{lead}{upper}*{lower}+{end}|{lead}{upper}+{lower}*{end}|{number}"
            rf"| ?[^\s\p{{L}}\p{{N}}]+{tail}|{SPACES}"]


def peer_cased(short, number, tail=r"[\r\n/]*", letter=r"\p{L}"):
    """llama.cpp's std::regex cannot tell case beyond ASCII, and leaves marks out."""
    return cased(short, number, tail, rf"(?:(?=[{letter}])[^a-z])", rf"(?:(?=[{letter}])[^A-Z])")


HALVING = "|".join(rf"\s{{{n}}}(?!\S)" for n in (512, 256, 128, 64, 32, 16, 8, 4))
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"
            r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+")
YOUTU = ("[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b"
         "\uff0c\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|" + HAN_AND_KANA)
ASIAN = ("[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f"
         "\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f"
         "\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+")
CASED = (r"\s?(?:[A-Za-z]|(?![\u0560-\u0588\u10c7-\u10ff\u1c80-\u1c88\u2d00-\u2d2d\ua790-\uab68"
         r"\U00010570-\U000105bc\U00016e40-\U00016e7f\U0001d400-\U0001df2a\ua7cb-\uaaff"
         r"\U00010d50-\U00010d8f\u1c89-\u1c8a])[\p{Lu}\p{Ll}\p{Lt}])+")
THOUSANDS = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"
UPPER_BUT_HAN = r"(?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
LOWER_BUT_HAN = r"(?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])"
PEER_HAN = ("[\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f"
            "\U0002b740-\U0002b81f\U0002b820-\U0002ceaf\U0002ceb0-\U0002ebef\uf900-\ufaff"
            "\U0002f800-\U0002fa1f]")
KIMI_PEER = [f"{PEER_HAN}+|" + rf"[^\r\n\p{{L}}\p{{N}}]?(?:(?!{PEER_HAN})\p{{L}})+(?:{AS_IS})?"
             rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACES}"]


def joined_thousands(pieces):
    """llama.cpp's grouping of digits takes what stands in front of them into the first group."""
    out, behind_gap = [], False
    for piece in pieces:
        number = regex.fullmatch(r"\p{N}+", piece) is not None
        if number and behind_gap:
            out[-1] += piece
        else:
            out.append(piece)
        behind_gap = not number
    return out


# Splitter: its steps, and those of llama.cpp (None: the same).
FAMILIES = {
    "usual": ([r"[\p{P}\$\+<=>\^~\|]+", *GPT2, r"\p{N}+", "[0-9][0-9][0-9]"], None),
    "gpt2": (GPT2, None),
    "digits_gpt2": ([r"\p{N}", *GPT2], None),
    "llama3": (words(ANY_CASE, r"\p{N}{1,3}"), words(AS_IS, r"\p{N}{1,3}")),
    "jais2": (words(ANY_CASE, r"\p{N}{1,3}",
                    spaces=rf"\s*[\r\n]+|{HALVING}|\s{{1,2}}(?!\S)|\s{{1}}"),
              words(AS_IS, r"\p{N}{1,3}",
                    spaces=rf"\s*[\r\n]+|{HALVING}|\s{{1,2}}(?!\S)|\s{{1}}")),
    "qwen2": (words(ANY_CASE), words(AS_IS)),
    "qwen35": tuple(words(short, letters=r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+", letter=r"\p{L}\p{M}")
                    for short in (ANY_CASE, AS_IS)),
    "minicpm5": ([r"\p{N}{1,3}", *words(ANY_CASE, r"\p{N}+")],
                 [r"\p{N}{1,3}", *words(AS_IS, r"\p{N}+")]),
    "seed_coder": (words(ANY_CASE, tail=""), words(AS_IS, tail="")),
    "ufakzeka": (words(""), None),
    "exaone_moe": tuple(
        words(short, letters=r"[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+",
              tail=r"[\r\n/]?", spaces=r"\s*[\r\n]|\s+(?!\S)|\s+") for short in (ANY_CASE, AS_IS)),
    "gpt4o": (cased(ANY_CASE, r"\p{N}{1,3}"), peer_cased(AS_IS, r"\p{N}{1,3}")),
    "tekken": (cased("", r"\p{N}"), peer_cased("", r"\p{N}")),
    "youtu": ([YOUTU, *cased(ANY_CASE, r"\p{N}")],
              [YOUTU, *cased(AS_IS, r"\p{N}", upper=r"[\p{L}\p{M}]", lower=r"[\p{L}\p{M}]")]),
    "kimi_k2": ([r"\p{Han}+|" + cased(ANY_CASE, r"\p{N}{1,3}", r"[\r\n]*", UPPER_BUT_HAN,
                                      LOWER_BUT_HAN)[0]], KIMI_PEER),
    "tiny_aya": ([r"\p{Nd}{1,3}(?=(?:\p{Nd}{3})*(?![\p{L}\p{M}\p{Nd}\p{Pc}]))",
                  *cased(ANY_CASE, r"\p{N}{1,3}")],
                 [(THOUSANDS, joined_thousands),
                  *cased(AS_IS, r"\p{N}{1,3}", upper=r"[\p{L}\p{M}]", lower=r"[\p{L}\p{M}]")]),
    "deepseek_llm": tuple(
        [r"[\r\n]", CASED, r"\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f" + wide +
         r"\u3001\u3002]+", r"\s+$", cjk, r"\p{N}+"]
        for wide, cjk in (("\u3000", DEEPSEEK_CJK), ("", PEER_DEEPSEEK_CJK))),
    "deepseek_coder": tuple([r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", cjk, r"\p{N}"]
                            for cjk in (DEEPSEEK_CJK, PEER_DEEPSEEK_CJK)),
    "deepseek_v3": ([r"\p{N}{1,3}", HAN_AND_KANA, rf"{DEEPSEEK}[\r\n]*|{SPACES}"], None),
    "spark": ([r"\p{N}{1,3}", HAN_AND_KANA, rf"{DEEPSEEK}|[\r\n]|\s+(?!\S)|\s+", r"\p{N}"], None),
    "afmoe": ([THOUSANDS, ASIAN, rf"{DEEPSEEK}[\r\n]*|{SPACES}"],
              [(THOUSANDS, joined_thousands), ASIAN, rf"{DEEPSEEK}[\r\n]*|{SPACES}"]),
    "falcon": ([r"[\p{P}\$\+<=>\^~\|`]+", *GPT2, "[0-9][0-9][0-9]"], None),
    "bloom": ([" ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"], None),
    "viking": ([" ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+", r"\p{N}"], None),
    "superbpe": ([r"\p{N}+", r"(?=(?:\p{Nd}{3})+(?!\p{Nd}))"],
                 [r"\p{N}+", r"(?=(?:[0-9]{3})+(?![0-9]))"]),
    "chameleon": (["<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", r"[\t\n]|    |  ", r"\p{N}",
                   r"[\p{P}!-/:-@\[-`{-~]", *GPT2], None),
    "laguna": ([r"[^\n]+|[\n]+", *words(ANY_CASE)], [r"[^\n]+|[\n]+", *words(AS_IS)]),
    "lines": ([r"[^\n]+|[\n]+"], None),
    "not_space": ([r"\S+"], None),
}

PEER_OF_NAME = {
    "granite-embed-multi-97m": peer_cased(AS_IS, r"\p{N}{1,3}", letter=r"\p{L}\p{M}"),
}
NAMES = {
    "gpt2": "gpt-2 phi-2 mpt olmo jais exaone4 trillion granite-docling gigachat mellum modern-bert"
            " a.x-4.0 jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code roberta-bpe",
    "digits_gpt2": "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
    "llama3": "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano"
              " smaug-bpe dbrx glm4 chatglm-bpe",
    "jais2": "jais-2",
    "qwen2": "qwen2 deepseek-r1-qwen megrez kormo f2llmv2 stablelm2 hunyuan solar-open grok-2"
             " bailingmoe bailingmoe2 llada-moe",
    "qwen35": "qwen35", "minicpm5": "minicpm5", "seed_coder": "seed-coder", "ufakzeka": "ufakzeka",
    "exaone_moe": "exaone-moe",
    "gpt4o": "gpt-4o llama4 kanana2 talkie minimax-m2 granite-embed-multi-97m",
    "tekken": "tekken", "youtu": "youtu", "kimi_k2": "kimi-k2", "tiny_aya": "tiny_aya cohere2moe",
    "deepseek_llm": "deepseek-llm", "deepseek_coder": "deepseek-coder",
    "deepseek_v3": "deepseek-v3 hunyuan-dense joyai-llm hy_v4", "spark": "spark2_5",
    "afmoe": "afmoe", "falcon": "falcon", "bloom": "bloom poro-chat gpt3-finnish",
    "viking": "viking", "superbpe": "superbpe", "chameleon": "chameleon", "laguna": "laguna",
    "lines": "gemma4 granite-embed-multi-311m sarvam-moe", "not_space": "whitespace",
    "usual": "default",
}
FAMILY_OF = {name: family for family, names in NAMES.items() for name in names.split()}


def split_with(expression, text):
    pieces, at = [], 0
    for match in expression.finditer(text):
        if match.start() > at:
            pieces.append(text[at:match.start()])
        if match.end() > match.start():
            pieces.append(match.group())
        at = match.end()
    if at < len(text):
        pieces.append(text[at:])
    return pieces


class Rules:
    """Splits as the steps say, one after the other."""

    def __init__(self, steps):
        self.steps = []
        for step in steps:
            pattern, change = step if isinstance(step, tuple) else (step, None)
            self.steps.append((regex.compile(pattern), change))

    def words(self, text):
        pieces = [text]
        for expression, change in self.steps:
            cut = [split_with(expression, piece) for piece in pieces]
            pieces = [word for words in cut for word in (change(words) if change else words)]
        return pieces


def family(name):
    """(as the model's own tokenizer splits, as llama.cpp does), both Rules."""
    own, peer = FAMILIES[FAMILY_OF[name]]
    return Rules(own), Rules(PEER_OF_NAME.get(name, peer) or own)
