#!/usr/bin/python3
"""The house rules that a program can check. It is a test: any finding fails it.

    tools/tidy.py                check the tree
    tools/tidy.py --self-test    plant one violation of every rule and see that each is found

Each finding names a file and a line, what is wrong there, and what to do instead. Files under a
folder named `data` and under models/ are material, not text of the project: only the paths of some
machine are looked for there.
"""

import argparse
import ast
import bisect
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MAX_LINES = 500
MAX_FUNCTION = 70
MAX_COLUMNS = 100
SIZED = (".h", ".cc", ".py", ".txt", ".cmake")
SPACED = SIZED + (".md",)

# Put together here, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
MACHINE_PATH = re.compile(r"(?<![\w.})>*])/(?:" + "wo" + r"rk\b|ro" + r"ot\b|ho" + r"me/\w+)")

DOOR = "move it to src/os and call that (doors to the machine are in one place)"
SIMD = "move it to src/tensor/kernels, or write plain C++"

# (what, pattern in code without comments and strings, modules that may, what to do instead)
# A word with an object or another scope in front is somebody's own function.
FREE = r"(?:(?<![\w.>:])|(?<=\bstd::)|(?<![\w:>])(?<=::))"
RULES = (
    ("chrono", r"std::chrono|#\s*include\s*<(?:chrono|ctime|time\.h)>", ("os", "net"), DOOR),
    ("a clock", FREE + r"(?:clock_gettime|gettimeofday|time|clock)\s*\(", ("os", "net"), DOOR),
    ("getenv", r"\b(?:secure_)?getenv\b", ("os", "net"), DOOR),
    ("a random source", r"std::random_device|" + FREE + r"s?rand\s*\(", ("os", "net"), DOOR),
    ("a system header", r"#\s*include\s*<(?:unistd\.h|fcntl\.h|windows\.h|sys/[^>]*)>",
     ("os", "net"), DOOR),
    ("abort", FREE + r"abort\s*\(", (), "return a Result with fail(...)"),
    ("assert", r"\bassert\s*\(", (), "return a Result, or use static_assert"),
    ("throw", r"\bthrow\b", (), "return a Result with fail(...)"),
    ("std::regex", r"std::w?regex|#\s*include\s*<regex>", (), "write the few lines of matching"),
    # A private constructor leaves no other way than unique_ptr<T>(new T(...)), which owns it.
    ("new", r"(?<!operator )(?<!<)(?<!_ptr<)(?<!>\()\bnew\b", (),
     "use std::make_unique or a container"),
    ("printf", r"(?<![\w.>])(?:v?f?|v?d)printf\s*\(", ("cli", "os"),
     "return the text, let src/cli print it (snprintf is fine)"),
    ("a standard stream", r"std::c(?:out|err|log)\b", ("cli",),
     "return the text, let src/cli print it"),
)
RULES = tuple((what, re.compile(pattern), who, fix) for what, pattern, who, fix in RULES)
EXIT = re.compile(FREE + r"exit\s*\(")
USING = re.compile(r"\busing\s+namespace\b")
INTRINSICS = re.compile(r"#\s*include\s*<(?:arm_neon|wasm_simd128|x86intrin|\w*mmintrin)\.h>"
                        r"|\b_mm\d*_\w+|\b__m(?:64|128|256|512)\w*")


# ---- reading C++ ----

TOKENS = re.compile(r"""
      (?P<comment> //(?:\\\n|[^\n])* | /\*.*?\*/ )
    | (?P<number> \b\d(?:'?[\w.])* )
    | (?P<raw> \bu?8?[LU]?R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)" )
    | (?P<string> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
    """, re.VERBOSE | re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]*)"', re.MULTILINE)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def strip(text):
    """The code alone: comments and what stands in strings become blanks, lines stay in place."""
    def replace(match):
        if match["number"]:
            return match[0]
        if match["comment"]:
            return blank(match[0])
        return match[0][0] + blank(match[0][1:-1]) + match[0][-1]
    return TOKENS.sub(replace, text)


def matching_braces(code):
    """Position of each opening brace to that of its closing one; None when they do not pair up."""
    pairs, open_at = {}, []
    for match in re.finditer(r"[{}]", code):
        if match[0] == "{":
            open_at.append(match.start())
        elif open_at:
            pairs[open_at.pop()] = match.start()
        else:
            return None
    return None if open_at else pairs


def without_template_heads(head):
    """Cuts `template <...>`, whose `class` would make a function look like a class."""
    while (match := re.search(r"\btemplate\s*<", head)) is not None:
        depth, end = 1, match.end()
        while end < len(head) and depth > 0:
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            end += 1
        head = head[:match.start()] + head[end:]
    return head


CONTAINER = re.compile(r"(?:inline\s+|typedef\s+|export\s+)*"
                       r"(?:namespace|class|struct|union|enum|extern\s*\")")
ACCESS = re.compile(r"\s*(?:public|private|protected)\s*:(?!:)")


def functions(code):
    """Yields the first and last position of each function body with its head, outside of others."""
    directives = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
    code = directives.sub(lambda match: blank(match[0]), code)
    pairs = matching_braces(code)
    if pairs is None:  # braces that only pair up after the preprocessor: nothing to measure
        return
    begin = at = 0
    while (match := re.compile(r"[;{}]").search(code, at)) is not None:
        at = match.end()
        if match[0] != "{":
            begin = at
            continue
        while (access := ACCESS.match(code, begin, match.start())) is not None:
            begin = access.end()
        head = re.sub(r"\[\[.*?\]\]|alignas\s*\([^)]*\)", " ", code[begin:match.start()])
        head = without_template_heads(head).strip()
        close = pairs[match.start()]
        if CONTAINER.match(head) and "(" not in head:
            begin = at
            continue
        at = close + 1
        # `A(int x) : x_{x}, y_{0} {`: these braces belong to members, the body is still to come.
        initializes = re.search(r"\)\s*(?:noexcept\s*)?:(?!:)", head) is not None
        if initializes and re.match(r"\s*[,{]", code[at:]):
            continue
        if "(" in head and head.count("(") == head.count(")"):  # else braces of an argument
            first = begin + len(code[begin:]) - len(code[begin:].lstrip())
            yield first, close
        begin = at


# ---- the tree ----

class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.found = []
        self.files = self.list_files()
        self.layers = {}

    def list_files(self):
        listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"],
                                 cwd=self.root, capture_output=True)
        if listing.returncode == 0:
            names = listing.stdout.decode().split("\0")
        else:  # an unpacked archive
            names = [str(path.relative_to(self.root)) for path in self.root.rglob("*")
                     if not re.match(r"(build|\.git)\b", str(path.relative_to(self.root)))]
        return sorted(name for name in set(names) if name and (self.root / name).is_file())

    def report(self, file, line, wrong, instead):
        self.found.append((file, line, wrong, instead))


def read_text(path):
    """None for a file that is no text."""
    data = path.read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def line_finder(text):
    starts = [match.end() for match in re.finditer("\n", text)]
    return lambda at: bisect.bisect_right(starts, at) + 1


def is_material(name):
    return name.startswith("models/") or "data" in name.split("/")[:-1]


def is_test(name):
    base = os.path.basename(name)
    return base.endswith("_test.cc") or base.startswith("test_")


def is_generated(text):
    return any("GENERATED" in line for line in text.split("\n", 3)[:3])


def check_layers_file(tree):
    path = tree.root / "src" / "layers.txt"
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r"([a-z_]+):(.*)$", line)
        if match is None:
            continue
        for other in match[2].split():
            if other not in tree.layers:
                tree.report("src/layers.txt", number, f"{match[1]} names {other}, not above it",
                            "name modules above only, or change the order")
        tree.layers[match[1]] = set(match[2].split())
    folders = {name.split("/")[1] for name in tree.files if name.count("/") > 1
               and name.startswith("src/")}
    for folder in sorted(folders - set(tree.layers)):
        tree.report("src/layers.txt", 1, f"src/{folder} has no line", f"add `{folder}: ...`")


def check_place(tree, name):
    parts = name.split("/")[1:-1]
    if len(parts) > 1 and parts != ["tensor", "kernels"]:
        tree.report(name, 1, "a folder inside a module", f"move it up to src/{parts[0]}")


def check_include(tree, name, line, target):
    module, parts = name.split("/")[1], target.split("/")
    if is_test(name) and ((tree.root / "tests" / target).is_file() or parts[0] == "bench"):
        return
    if parts[0] not in tree.layers or not (
            len(parts) == 2 or parts[:2] == ["tensor", "kernels"] and len(parts) == 3):
        tree.report(name, line, f'include path "{target}"', 'write "module/file.h"')
        return
    if parts[0] != module and parts[0] not in tree.layers.get(module, ()):
        tree.report(name, line, f"{module} may not include {parts[0]} (src/layers.txt)",
                    "take what is needed as a parameter, or move the code to the right module")
    if parts[0] != module and "_internal" in parts[-1]:
        tree.report(name, line, f'"{target}" is internal to {parts[0]}', "use its public header")
    if is_test(parts[-1]) and not is_test(name):
        tree.report(name, line, f'"{target}" is for tests', "move what is shared to a header")


def check_words(tree, name, code, line_of):
    """Words that are banned, or belong into certain modules. `code` has no comments or strings."""
    module = name.split("/")[1]
    for match in USING.finditer(code):
        tree.report(name, line_of(match.start()), "using namespace", "write the name out")
    if not name.startswith("src/tensor/kernels/"):
        for match in INTRINSICS.finditer(code):
            tree.report(name, line_of(match.start()), f"intrinsic {match[0]}", SIMD)
    if is_test(name):
        return
    for what, pattern, allowed, instead in RULES:
        for match in pattern.finditer(code) if module not in allowed else ():
            tree.report(name, line_of(match.start()), f"{what} in src/{module}", instead)
    for match in EXIT.finditer(code) if name != "src/cli/main.cc" else ():
        tree.report(name, line_of(match.start()), "exit", "return; only main.cc ends the program")


def check_source(tree, name, text):
    """C++ under src/, tests/, bench/, fuzz/, include/."""
    code, line_of = strip(text), line_finder(text)
    if name.endswith(".h") and re.search(r"^#pragma once$", code, re.MULTILINE) is None:
        tree.report(name, 1, "no #pragma once", "add it above the includes")
    if not (is_generated(text) or is_test(name)):
        for number, line in enumerate(text.split("\n"), 1):
            if not line.isascii():
                tree.report(name, number, "a character that is not ASCII", r"use \u escapes")
    if not is_generated(text):
        for first, last in functions(code):
            check_function(tree, name, line_of(first), line_of(last))
    if not name.startswith("src/") or name.count("/") < 2:
        return
    check_place(tree, name)
    for match in INCLUDE.finditer(text):
        if code[match.start():match.end()].strip():  # not inside a comment
            check_include(tree, name, line_of(match.start(1)), match[1])
    check_words(tree, name, code, line_of)


def check_function(tree, name, first, last):
    if last - first + 1 > MAX_FUNCTION:
        tree.report(name, first, f"a function of {last - first + 1} lines",
                    f"split it; {MAX_FUNCTION} are the most")


def check_python(tree, name, text):
    try:
        module = ast.parse(text)
    except SyntaxError as error:
        tree.report(name, error.lineno or 1, f"no Python: {error.msg}", "mend it")
        return
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            check_function(tree, name, node.lineno, node.end_lineno)


def check_shape(tree, name, text):
    """Length, width and blanks."""
    lines = text.split("\n")
    generated = is_generated(text)
    if name.endswith(SIZED) and not generated and len(lines) - 1 > MAX_LINES:
        tree.report(name, MAX_LINES + 1, f"{len(lines) - 1} lines",
                    f"split the file; {MAX_LINES} are the most")
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            tree.report(name, number, "a tab", "use spaces")
        if line != line.rstrip():
            tree.report(name, number, "blanks at the end of the line", "cut them")
        if name.endswith(SIZED) and not generated and len(line) > MAX_COLUMNS:
            tree.report(name, number, f"{len(line)} columns",
                        f"break it; {MAX_COLUMNS} are the most")
    if text and not text.endswith("\n"):
        tree.report(name, len(lines), "no newline at the end", "add one")


def check_text(tree, name, text):
    material = is_material(name)
    for number, line in enumerate(text.split("\n"), 1):
        if (match := MACHINE_PATH.search(line)) is not None:
            tree.report(name, number, f"{match[0]}, a path of one machine", "make it relative")
        if not material and (match := UNFINISHED.search(line)) is not None:
            tree.report(name, number, f"{match[0]}, work that is not done",
                        "do it, or say in the docs what is missing")


def check_documents(tree):
    readme, changes = tree.root / "README.md", tree.root / "CHANGELOG.md"
    if readme.is_file():
        rows = [line for line in readme.read_text().splitlines() if line.startswith("|")]
        for module in tree.layers:
            if not any(re.search(rf"src/{module}\b", row) for row in rows):
                tree.report("README.md", 1, f"no row for src/{module}",
                            'add one to the table "Where is X"')
    if changes.is_file():
        form = re.compile(r"## (\[?Unreleased\]?|\[?\d+\.\d+\.\d+\]?([ (-]+\d{4}-\d\d-\d\d\)?)?)$")
        for number, line in enumerate(changes.read_text().splitlines(), 1):
            if line.startswith("## "):
                if form.match(line) is None:
                    tree.report("CHANGELOG.md", number, f"heading `{line}`",
                                "write `## 1.2.3 - 2025-01-31` or `## Unreleased`")
                break


def check(root):
    tree = Tree(root)
    check_layers_file(tree)
    for name in tree.files:
        text = read_text(tree.root / name)
        if text is None:
            continue
        check_text(tree, name, text)
        if is_material(name):
            continue
        if name.endswith(SPACED):
            check_shape(tree, name, text)
        if name.endswith((".h", ".cc")):
            check_source(tree, name, text)
        if name.endswith(".py"):
            check_python(tree, name, text)
    check_documents(tree)
    return tree


# ---- the test of the test ----

def long_body(line, count):
    return (line + "\n") * count


# Things that look like violations and are none.
CLEAN = {
    ".gitignore": "ignored/\n",
    "ignored/a.cc": "\tthrow 1;",
    "src/base/fine.h": "// throw, new, assert(x), std::regex\n#pragma once\n"
                       '#include <new>\n#include "base/fine.h"\n'
                       'inline const char* k = "throw new \\" exit(1) // not a comment";\n'
                       'inline auto r = R"x(abort(); " std::cout)x";\nstatic_assert(true);\n'
                       "inline int big = 1'000'000; /* getenv */ inline char q = '\\'';\n"
                       "int runtime(int); int y = runtime(1) + clock_of.time(2);\n",
    "src/base/fine_test.cc": '#include "base/fine.h"\n#include <chrono>\n// \u00e9\n',
    "src/base/table.cc": "// GENERATED by something\n" + long_body("x" * 120, 600),
    "src/base/members.cc": "A::A(int x) : x_{x}, y_{0} {\n" + long_body("f();", 60) + "}\n"
                           "B::B() {\n" + long_body("g();", 60) + "}\n",
    "src/base/values.cc": "const int k[] = {\n" + long_body("1,", 100) + "};\n",
    "src/os/clock.cc": "#include <unistd.h>\nlong n = std::chrono::now(), t = time(nullptr);\n",
    "src/cli/main.cc": '#include "os/clock.h"\nint f() { std::cout << 1; exit(2); }\n',
    "src/tensor/kernels/k.cc": "#include <immintrin.h>\nauto x = _mm_add(a, b);\n",
    "tests/data/t.txt": "CHAPTER " + "X" * 3 + "\t\n",
    "README.md": "".join(f"| src/{name} | x |\n" for name in ("base", "os", "low", "tensor")),
}

# path: content, what must be found; together with CLEAN each gives exactly that.
BROKEN = (
    ("src/layers.txt", "base:\nos: base\nlow: cli base\ntensor: base\ncli: base os\n", "names cli"),
    ("src/lost/a.h", "#pragma once\n", "src/lost has no line"),
    ("src/base/up.h", '#pragma once\n#include "os/clock.h"\n', "base may not include os"),
    ("src/os/up_test.cc", '#include "tensor/a.h"\n', "os may not include tensor"),
    ("src/os/path.cc", '#include "../base/a.h"\n', "include path"),
    ("src/os/short.cc", '#include "a.h"\n', "include path"),
    ("src/os/inner.cc", '#include "base/a_internal.h"\n', "internal to base"),
    ("src/os/helper.cc", '#include "base/test_a.h"\n', "is for tests"),
    ("src/os/deep/a.cc", "\n", "a folder inside"),
    ("src/base/long.cc", long_body("int a;", MAX_LINES + 1), "501 lines"),
    ("src/base/body.cc", "template <class T>\nint f(T x) const {\n" + long_body("g();", 69) + "}\n",
     "a function of 72 lines"),
    ("src/base/method.cc", "namespace n {\nstruct S : T {\nS() : x_{1} {\n"
     + long_body("if (x) { g(); }", 70) + "}\n};\n}\n", "a function of 72 lines"),
    ("tools/body.py", "def f():\n" + long_body("    g()", 70), "a function of 71 lines"),
    ("tools/broken.py", "def f(:\n", "no Python"),
    ("cmake/wide.cmake", "x" * (MAX_COLUMNS + 1) + "\n", "101 columns"),
    ("docs/tab.md", "a\tb\n", "a tab"),
    ("docs/blank.md", "a \n", "blanks at the end"),
    ("docs/end.md", "a", "no newline"),
    ("src/base/unistd.cc", "#include <unistd.h>\n", "a system header"),
    ("src/base/socket.cc", "#include <sys/socket.h>\n", "a system header"),
    ("src/base/chrono.cc", "auto t = std::chrono::now();\n", "chrono in"),
    ("src/base/time.cc", "auto t = std::time(nullptr);\n", "a clock"),
    ("src/base/env.cc", "auto t = std::getenv(name);\n", "getenv"),
    ("src/base/rand.cc", "int t = rand();\n", "a random source"),
    ("src/base/device.cc", "std::random_device d;\n", "a random source"),
    ("src/base/simd.cc", "#include <immintrin.h>\n", "intrinsic"),
    ("src/base/mm_test.cc", "auto x = _mm256_add_ps(a, b);\n", "intrinsic"),
    ("src/base/abort.cc", "void f() { std::abort(); }\n", "abort in"),
    ("src/base/assert.cc", "void f() { assert(true); }\n", "assert in"),
    ("src/cli/exit.cc", "void f() { std::exit(1); }\n", "exit; return"),
    ("src/base/throw.cc", "void f() { throw 1; }\n", "throw in"),
    ("src/base/regex.cc", "std::regex r;\n", "std::regex in"),
    ("src/base/using_test.cc", "using  namespace std;\n", "using namespace"),
    ("src/base/new.cc", "int* p = new int;\n", "new in"),
    ("src/base/printf.cc", "void f() { fprintf(out, text); }\n", "printf in"),
    ("src/os/cerr.cc", "void f() { std::cerr << 1; }\n", "a standard stream"),
    ("docs/later.md", "TO" + "DO: all\n", "not done"),
    ("docs/place.md", "see `/" + "work/x`\n", "a path of one machine"),
    ("tests/data/home.txt", "/" + "home/ann\n", "a path of one machine"),
    ("src/base/accent.cc", "// caf\u00e9\n", "not ASCII"),
    ("src/base/twice.h", "// #pragma once\n", "no #pragma once"),
    ("README.md", CLEAN["README.md"], "no row for src/cli"),
    ("CHANGELOG.md", "# Changes\n\n## Version two\n", "heading"),
)


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        for name, content in [*CLEAN.items(), *((case[0], case[1]) for case in BROKEN)]:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content, encoding="utf-8")
        found = [f"{file}:{line}: {wrong}; {instead}"
                 for file, line, wrong, instead in check(root).found]
    missed = []
    for name, _, fragment in BROKEN:
        # A folder without a line is found in the list of folders, not in the folder.
        file = "src/layers.txt" if name.startswith("src/lost/") else name
        hits = [line for line in found if line.startswith(file + ":") and fragment in line]
        missed += [] if len(hits) == 1 else [f"{name}: `{fragment}` found {len(hits)} times"]
        found = [line for line in found if line not in hits]
    for line in missed + ["wrongly found: " + line for line in found]:
        print(line)
    print(f"tidy: {len(BROKEN) - len(missed)} of {len(BROKEN)} planted violations found, "
          f"{len(found)} wrongly")
    return 1 if missed or found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    tree = check(args.root)
    for file, line, wrong, instead in tree.found:
        print(f"{file}:{line}: {wrong}; {instead}")
    if tree.found:
        print(f"tidy: {len(tree.files)} files, {len(tree.found)} findings")
        return 1
    print(f"tidy: {len(tree.files)} files, no findings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
