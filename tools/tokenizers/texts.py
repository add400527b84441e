"""Random texts that are hard on tokenizers."""
import functools
import unicodedata

ALPHABETS = {
    "latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "accents": "éèêëàâäçñöüßøåæœÉÈÀÇÑÖÜØÅÆŒıİǅǈſﬁȺ",
    "greek": "αβγδεζηθικλμνξοπρσςτυφχψωΑΒΓΔΣΩάέή",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЁЇЄ",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשתְִֵָ",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويًٌَُِّ",
    "hindi": "अआइईउऊकखगघचजटडतदनपबमयरलवशसहािीुूेैोौं्",
    "bengali": "অআইউকখগচজটডতদনপবমযরলশসহািীুূেোৌং্",
    "tamil": "அஆஇஉகஙசஞடணதநபமயரலவாிீுூெேொோௌ்",
    "thai": "กขคงจชซดตถทนบปผพฟมยรลวสหอะาิีึืุูเแโใไ่้",
    "lao_khmer_burmese": "ກຂຄງຈກາិីកខគឃងចမြန်ဘာသ",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰაႠႡ",
    "hangul": "가각간한국어안녕하세요ㄱㄴㅏ각",
    "han": "你好世界中文简体繁體龍的一是不了人我在有他这為之大來以個々〇㐀𠀀豈",
    "kana": "あいうえおかきくけこアイウエオカキクケコーｱｲｳ゛",
    "rare": "ՀայերենᏣᎳᎩᠮᠣᠩᚠᚢ𐐀𐐨𝐀𝒳ꙀꭰꞋⲀⴀ",
}
DIGITS = "0123456789٠١٢٣۴۵६७८๑๒๓０１２𝟘𝟙²³½Ⅷⅳⅹ㊿①❶"
SPACES = " \t\n\r\v\f\u0085\u00a0\u1680\u2000\u2003\u2009\u2028\u2029\u202f\u205f\u3000"
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u202e\ufe0f\u0378\ufffd\ue000\U000f0000"
CONTROLS = "".join(map(chr, [*range(1, 9), *range(14, 32), 127, 128, 155]))
MARKS = "\u0300\u0301\u0308\u0327\u0345\u20dd\u0903\u093e\u0e31\u302a\U0001d165"
SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" \
    "¡§«»¿×÷–—‘’“”…、。，！？：；（）「」『』〜・।۔،€£¥©®™°"
EMOJI = ["😀", "🚀", "❤️", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇫🇷",
         "☃", "✅", "1️⃣", "🧑‍💻", "🫠"]
ENDINGS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'LL", "'lL",
           "'M", "'D", "’s", "'", "''", "'x", "'r", "'l", "'ſ"]
WORDS = ["Hello", "world", "the", "The", "HTTPServer", "camelCaseWord", "snake_case", "iPhone",
         "don", "it", "we", "They", "I", "naïve", "École", "ÉCOLE", "ÀB", "straße",
         "STRASSE", "İstanbul",
         "x86_64", "3.14", "1,000,000", "0xFF", "v1.2.3", "IMGIMGABCZ", "IMGIMGAZ", "IMGIMGABCDEZ",
         "<sentinel:12>", "<sentinel:>", "e.g.", "U.S.A.", "C++", "a/b/c",
         "http://example.com/?q=1",
         "foo@bar.org", "...", "--", "==", "!=", "->", "/*", "*/", "//", "\r\n", "\n\n", "\\n",
         "ACGTACGT", "<dna>", "antidisestablishmentarianism", "Donaudampfschifffahrt",
         "ŒUVRE", "ﬀ"]


def known(code):
    """Characters whose class no version of Unicode since 14 has changed."""
    return unicodedata.category(chr(code)) not in ("Cn", "Cs")


@functools.cache
def by_category():
    groups = {}
    for code in range(1, 0x110000):
        if known(code):
            groups.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    return list(groups.values())


class Texts:
    def __init__(self, draw, specials=(), without=""):
        self.draw, self.specials, self.without = draw, list(specials), set(without)
        self.groups = by_category()
        self.parts = [
            (18, self.word), (10, self.letters), (6, self.digits), (8, self.spaces),
            (8, self.signs), (3, lambda: draw.choice(EMOJI)), (5, lambda: draw.choice(ENDINGS)),
            (4, lambda: draw.choice(MARKS)), (3, lambda: draw.choice(INVISIBLE)),
            (2, lambda: draw.choice(CONTROLS)), (8, self.any), (3, self.case), (2, self.repeat),
            (3, self.special), (20, lambda: " ")]
        self.weights = [weight for weight, _ in self.parts]

    def word(self):
        return self.draw.choice(WORDS)

    def letters(self):
        alphabet = self.draw.choice(list(ALPHABETS.values()))
        return "".join(self.draw.choices(alphabet, k=self.draw.randint(1, 9)))

    def digits(self):
        digits = DIGITS if self.draw.random() < 0.4 else "0123456789"
        return "".join(self.draw.choices(digits, k=self.draw.randint(1, 9)))

    def spaces(self):
        if self.draw.random() < 0.5:
            return self.draw.choice(" \n\t") * self.draw.choice([1, 2, 3, 4, 7, 8, 15, 16, 17, 40])
        return "".join(self.draw.choices(SPACES, k=self.draw.randint(1, 4)))

    def signs(self):
        return "".join(self.draw.choices(SIGNS, k=self.draw.randint(1, 4)))

    def any(self):
        group = self.draw.choice(self.groups)
        return "".join(self.draw.choices(group, k=self.draw.randint(1, 3)))

    def case(self):
        word = self.draw.choice(WORDS)
        return "".join(c.upper() if self.draw.random() < 0.5 else c.lower() for c in word)

    def repeat(self):
        return self.draw.choice("aA1 .-\n=é漢") * self.draw.choice([3, 10, 64, 130, 260, 513])

    def special(self):
        return self.draw.choice(self.specials) if self.specials else ""

    def one(self):
        count = self.draw.choice([1, 2, 3, 4, 6, 8, 12, 20])
        makers = self.draw.choices(self.parts, self.weights, k=count)
        text = "".join(make() for _, make in makers)
        if self.draw.random() < 0.05:
            text = unicodedata.normalize(self.draw.choice(["NFD", "NFKC"]), text)
        return "".join(c for c in text if c not in self.without)
