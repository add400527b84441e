#!/usr/bin/python3
"""Chat templates: byte for byte what Python's jinja2 renders, and the command that shows it."""
import json
import os
import subprocess
import tempfile
import time
import unittest

import hearth
from conversations import grid
from gguf_file import GgufFile
from hearth import MODEL, ROOT
from jinja_reference import Error, render

CASES = os.environ.get("TEMPLATE_CASES", str(ROOT / "build/dev/bin/template_cases"))
DATA = ROOT / "tests/data"
TEMPLATES = hearth.SHARED / "templates"


def render_all(cases):
    """What hearth makes of (template, variables): {"text": ...} or {"error": ...} each."""
    with tempfile.TemporaryFile() as requests:
        for case in cases:
            requests.write(json.dumps(case).encode() + b"\n")
        requests.seek(0)
        done = subprocess.run([CASES], stdin=requests, capture_output=True, check=True,
                              timeout=hearth.PATIENCE)
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


class Race(unittest.TestCase):
    """Each text is the same; where Python raises an error, hearth gives one too."""
    maxDiff = 2000

    def race(self, cases):
        """cases: (label, template, variables); returns how many rendered, and how many failed."""
        counts = {True: 0, False: 0}
        answers = render_all([case[1:] for case in cases])
        self.assertEqual(len(answers), len(cases))
        for (label, template, variables), got in zip(cases, answers):
            want = render(template, variables)
            failed = isinstance(want, Error)
            counts[failed] += 1
            if failed and "error" in got:
                self.assertNotIn("\n", got["error"])
            elif failed or got.get("text") != want:
                with self.subTest(label):
                    self.assertEqual(got, {"error" if failed else "text": str(want)})
        return counts[False], counts[True]

    def test_snippets(self):
        variables = (DATA / "template_variables.json").read_text()
        lines = (DATA / "template_snippets.txt").read_text().split("\n")
        snippets = [line.replace("\u23ce", "\n") for line in lines
                    if line and not line.startswith("# ")]
        good, bad = self.race([(text, text, variables) for text in snippets])
        self.assertGreater(good, 230)
        self.assertGreater(bad, 130)

    @hearth.needs_shared("templates")
    def test_published_templates(self):
        """A grid of conversations through the templates that model makers publish."""
        cases = list(grid())
        files = sorted(TEMPLATES.glob("*.jinja"))
        self.assertGreater(len(files), 30)
        # Sanitizers are slow: every seventh conversation then.
        cases = cases[::7] if hearth.SANITIZED else cases
        for file in files:
            with self.subTest(file.name):
                template = file.read_text()
                good, _ = self.race([(label, template, values) for label, values in cases])
                self.assertGreater(good, len(cases) // 20)


class Hostile(unittest.TestCase):
    """Templates that want too much end soon, with an error that names the line."""

    ENDLESS = (
        "{{ 'x' * 10**9 }}", "{{ 'x' * 9223372036854775807 }}", "{{ [1] * 10**9 }}",
        "{% for i in range(10**12) %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('x') }}",
        "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}"
        "{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}"
        "{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(90) %}{% set ns.s = [ns.s, ns.s] %}"
        "{% endfor %}{{ ns.s == [ns.s[0], ns.s[1]] }}{{ ns.s|tojson }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}"
        "{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}"
        "{% endfor %}",
        "{{ 'a'.ljust(10**10) }}", "{{ 'a'.center(10**18) }}", "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}", "{{ ('a' * 10**6).replace('', 'b' * 10**6) }}",
        "{{ ('a' * 10**6)|replace('a', 'b' * 10**6) }}", "{{ ('a\\n' * 10**6)|indent(10**6) }}",
        "{{ ['a'] * 10**5 |join('b' * 10**5) }}", "{{ ('b' * 10**5).join('a' * 10**5) }}",
        "{{ 'a\\t'.expandtabs(10**12) }}", "{{ [[1]]|tojson(indent=10**9) }}",
        "{{ [1]|batch(10**12, 0)|list }}", "{{ [1]|slice(10**12)|list }}",
        "{{ 10**30 }}", "{{ 2 ** 10 ** 10 }}", "{{ 9223372036854775807 + 1 }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}"
        "{% endcall %}{% endmacro %}{{ n() }}",
        "{{ '%s' % ('a' * 10**7) }}{{ 'a' * 10**7 }}{{ 'a' * 10**7 }}",
        "{% set a = 'x' * 10**7 %}{% for i in range(9999) %}{% set b = a ~ i %}{{ b|length }}"
        "{% endfor %}",
        "{% set a = 'ab' * 10**6 %}{% for i in range(9999) %}{{ 'ba' in a }}{{ a|upper|length }}"
        "{% endfor %}",
    )

    def test_limits(self):
        for template in self.ENDLESS:
            with self.subTest(template):
                begin = time.monotonic()
                answer, = render_all([("\n" + template, "{}")])
                self.assertRegex(answer.get("error", "no error"), "^template: line 2: ")
                if not hearth.SANITIZED:  # generous: machines are busy
                    self.assertLess(time.monotonic() - begin, 3)

    def test_deep_templates(self):
        for template in ("{{ " + "(" * 100000 + "1" + ")" * 100000 + " }}",
                         "{{ " + "[" * 30000 + "]" * 30000 + " }}", "{{ " + "-" * 100000 + "1 }}",
                         "{{ " + "not " * 30000 + "1 }}", "{{ 1" + " + 1" * 30000 + " }}",
                         "{{ x" + ".a" * 30000 + " }}", "{{ x" + "|e" * 30000 + " }}",
                         "{% if 1 %}" * 10000, "{% for x in y %}" * 10000,
                         "{{ x" + "(1)" * 30000 + " }}", "{{ 1" + " if 1 else 1" * 9000 + " }}"):
            with self.subTest(template[:20]):
                answer, = render_all([(template, "{}")])
                self.assertIn("more than", answer["error"])

    def test_cycles_end(self):
        """A namespace, a loop or a macro that holds itself."""
        template = ("{% set ns = namespace() %}{% set ns.me = ns %}{% set ns.l = [ns, ns] %}"
                    "{% macro m() %}{{ m is defined }}{% endmacro %}{% set ns.m = m %}{{ m() }}"
                    "{% for x in [ns] %}{% set ns.loop = loop %}{{ loop.changed(loop) }}"
                    "{% endfor %}{{ ns.me.me.l[0].m() }}{{ ns == ns.me }}")
        answer, = render_all([(template, "{}")])
        self.assertEqual(answer, {"text": "TrueTrueTrueTrue"})
        chain = ("{% macro link(a, b) %}{% set a.next = b %}{% endmacro %}"
                 "{% set h = namespace(cur=namespace()) %}{% for i in range(20000) %}"
                 "{% set n = namespace() %}{{ link(h.cur, n) }}{% set h.cur = n %}{% endfor %}ok")
        answer, = render_all([(chain, "{}")])
        self.assertEqual(answer, {"text": "ok"})

    def test_variables_that_are_wrong(self):
        for variables in ("", "[]", "{", '{"a": 1} x', "[" * 100000, '{"a": "\\ud800"}', "nul",
                          '{"a": ' + "[" * 1000 + "]" * 1000 + "}"):
            answer, = render_all([("x", variables)])
            self.assertIn("the variables of the template: ", answer["error"])


class Command(hearth.Case):
    TALK = {"messages": [{"role": "user", "content": "Gr\u00fc\u00dfe"}]}
    CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}" \
           "{% if add_generation_prompt %}<assistant>{% endif %}{{ bos_token }}{{ more }}\n\n"

    def setUp(self):
        super().setUp()
        self.file("chat.jinja", self.CHAT)
        self.file("talk.json", json.dumps(self.TALK))

    def prompt(self, *flags, talk="talk.json", stdin=None):
        paths = ("--template", str(self.folder / "chat.jinja")) if "-m" not in flags else ()
        name = talk if talk == "-" else str(self.folder / talk)
        done = self.succeed("template", *paths, "--messages", name, *flags, stdin=stdin)
        self.assertEqual(done.err, b"")
        return done.text

    def test_the_prompt_and_nothing_else(self):
        self.assertEqual(self.prompt(), "<user>Gr\u00fc\u00dfe\n")

    def test_variables(self):
        self.file("talk.json", json.dumps({**self.TALK, "add_generation_prompt": True, "more": 1.0,
                                           "bos_token": "B", "eos_token": "E"}))
        self.assertEqual(self.prompt(), "<user>Gr\u00fc\u00dfeE<assistant>B1.0\n")

    def test_a_list_is_the_messages(self):
        talk = json.dumps(self.TALK["messages"]).encode()
        self.assertEqual(self.prompt(talk="-", stdin=talk), "<user>Gr\u00fc\u00dfe\n")

    def test_the_template_and_tokens_of_a_model(self):
        path = self.file("t.gguf", GgufFile(MODEL.read_bytes()).with_text(
            "tokenizer.chat_template", self.CHAT))
        self.assertEqual(self.prompt("-m", path), "<user>Gr\u00fc\u00dfe</s><s>\n")

    def test_time(self):
        self.file("chat.jinja", "{{ strftime_now('%d %b %Y, %H:%M:%S') }}")
        self.assertEqual(self.prompt("--time", "2024-07-26T01:02:03"), "26 Jul 2024, 01:02:03")
        self.assertRegex(self.prompt(), r"^\d\d [A-Z][a-z][a-z] \d{4}, \d\d:\d\d:\d\d$")

    def test_errors(self):
        template, talk = str(self.folder / "chat.jinja"), str(self.folder / "talk.json")
        self.file("bad.jinja", "a\n{% if %}")
        self.file("raise.jinja", "a\n\n{{ raise_exception('no\nway') }}")
        self.file("list.json", '{"x": 1}')
        for code, words, flags in (
                (1, "bad.jinja: template: line 2: ", ("--template", "bad.jinja")),
                (1, "line 3: no\\x0away", ("--template", "raise.jinja")),
                (1, "no such file", ("--template", "none.jinja")),
                (1, "has no chat template", ()),
                (1, 'list "messages"', ("--template", "chat.jinja", "--messages", "list.json")),
                (2, "is no time", ("--template", "chat.jinja", "--time", "today"))):
            names = [str(self.folder / flag) if "." in flag else flag for flag in flags]
            if "--messages" not in names:
                names += ["--messages", talk]
            done = hearth.run("template", *names)
            self.assert_one_line(done, code, words)
        self.assert_one_line(hearth.run("template", "--template", template), 2)


if __name__ == "__main__":
    unittest.main()
