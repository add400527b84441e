import { describe, expect, it } from "vitest";
import { Blocks } from "../src/markdown/blocks";
import { mend } from "../src/markdown/mend";
import { MarkdownView } from "../src/markdown/view";

function show(text: string): HTMLElement {
  const root = document.createElement("div");
  new MarkdownView(root).update(text, true);
  return root;
}

const sample = `# Title

Some *emphasis*, **strong** and \`code\`, see [docs][d] or <https://example.org/a>.

- one
- two
  - deep **bold**

  still two
- three

1. first

2. second
10. tenth

| a | b |
|---|:-:|
| 1 | 2 |

Heading two
---

> quote
> - with list

\`\`\`python
def f(x):
    return "# no heading"

    # - nor list
\`\`\`

~~~~
\`\`\`
inner
~~~~

- [x] done
- [ ] open

    indented code

text with H<sub>2</sub>O<br>and ~~no~~
***
last paragraph

[d]: https://example.org/docs "Docs"
`;

/** Small and the same each time. */
function random(seed: number) {
  return () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
}

describe("a growing text", () => {
  it("ends as the same elements as when it comes at once", () => {
    const wanted = show(sample).innerHTML;
    for (let seed = 1; seed <= 30; ++seed) {
      const next = random(seed);
      const root = document.createElement("div");
      const view = new MarkdownView(root);
      for (let at = 0; at < sample.length;) {
        at = Math.min(sample.length, at + 1 + Math.floor(next() * 12));
        view.update(sample.slice(0, at), false);
      }
      view.update(sample, true);
      expect(root.innerHTML).toBe(wanted);
    }
  });

  it("shows finished blocks as they will stay, at every length", () => {
    const text = sample.replace(/\[d\]: .*\n/, "").replace("[docs][d]", "docs");
    const wanted = [...show(text).children].map((block) => block.innerHTML);
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    for (let at = 1; at <= text.length; ++at) {
      view.update(text.slice(0, at), false);
      const blocks = [...root.children].map((block) => block.innerHTML);
      // The last two may still change: a line that is not whole yet may belong to the block before
      // it.
      blocks.slice(0, -2).forEach((block, i) => expect(block).toBe(wanted[i]));
    }
  });

  it("keeps the elements of finished blocks", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    view.update("First.\n\nSecond.\n\nThi", false);
    const first = root.querySelector("p");
    view.update("First.\n\nSecond.\n\nThird.", false);
    view.update("First.\n\nSecond.\n\nThird.", true);
    expect(root.querySelector("p")).toBe(first);
    expect(root.textContent).toBe("First.\nSecond.\nThird.\n");
  });

  it("is parsed in linear time", () => {
    const work = (paragraphs: number) => {
      const blocks = new Blocks();
      let text = "";
      for (let i = 0; i < paragraphs; ++i) {
        for (let j = 0; j < 20; ++j) blocks.update((text += `word${j} `), false);
        blocks.update((text += "\n\n"), false);
      }
      blocks.update(text, true);
      expect(blocks.done).toHaveLength(paragraphs);
      return blocks.parsed / text.length;
    };
    expect(work(200)).toBeLessThan(work(50) * 1.1);
  });

  it("does not parse code again that is being written", () => {
    const blocks = new Blocks();
    let text = "```c\n";
    for (let i = 0; i < 3000; ++i) blocks.update((text += `x[${i}] = ${i};\n`), false);
    blocks.update((text += "```\n"), false);
    blocks.update((text += "done"), true);
    expect(blocks.done.map((block) => block.token.type)).toEqual(["code", "paragraph"]);
    expect(text.length).toBeGreaterThan(30_000);
    expect(blocks.parsed).toBeLessThan(1000);
  });

  it("begins anew when it is another text", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    view.update("one\n\ntwo", true);
    view.update("three", true);
    expect(root.textContent).toBe("three\n");
  });
});

describe("code", () => {
  it("is coloured, framed, and whole", () => {
    const root = show("```python\ndef f(): return 1\n```");
    expect(root.querySelector(".code-bar span")!.textContent).toBe("python");
    expect(root.querySelector(".hljs-keyword")!.textContent).toBe("def");
    expect(root.querySelector("code")!.textContent).toBe("def f(): return 1");
    expect(root.querySelector("button.copy-code")).not.toBeNull();
  });

  it("of unknown languages and without end is shown too", () => {
    expect(show("```brainfuck\n+[>]<\n```").querySelector("code")!.textContent).toBe("+[>]<");
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    view.update("```js\nlet a", false);
    view.update("```js\nlet a = 1;\nlet", false);
    expect(root.querySelector("code")!.textContent).toBe("let a = 1;\nlet");
    view.update("```js\nlet a = 1;\nlet b;\n```\nafter", false);
    expect(root.querySelector("code")!.textContent).toBe("let a = 1;\nlet b;");
    expect(root.textContent).toContain("after");
  });
});

describe("links and images", () => {
  it("say where they lead", () => {
    const link = show("[bank](https://bank.example@evil.example/x)").querySelector("a")!;
    expect(link.textContent).toBe("bank (evil.example)");
    expect(link.title).toBe("https://bank.example@evil.example/x");
    expect(link.rel).toBe("noopener noreferrer nofollow");
    expect(link.target).toBe("_blank");
  });

  it("do not repeat addresses that can be read already", () => {
    expect(show("https://example.org/a").textContent).toBe("https://example.org/a\n");
  });

  it("are text when they lead nowhere outside", () => {
    const root = show("[a](/v1/models) [b](#x) [c](javascript:alert(1)) [d](//evil.example)");
    expect(root.querySelector("a")).toBeNull();
    expect(root.textContent).toBe("a b c d\n");
  });

  it("are never fetched", () => {
    const root = show("![a cat](https://evil.example/cat.png)");
    expect(root.querySelector("img")).toBeNull();
    expect(root.textContent).toBe("Image: a cat (evil.example)\n");
  });
});

describe("HTML", () => {
  it("is shown as text, but for tags that say how text looks", () => {
    const root = show('a <div onclick="x">b</div> <b>c</b> x<sup>2</sup> <b class="failure">d</b>');
    expect(root.querySelector("[onclick], .failure")).toBeNull();
    expect(root.querySelector("b")!.textContent).toBe("c");
    expect(root.textContent).toContain('<div onclick="x">b</div>');
  });
});

describe("mend", () => {
  it.each([
    ["some **bold", "some **bold**"],
    ["some **", "some "],
    ["some **bold*", "some **bold**"],
    ["a `code", "a `code`"],
    ["a `", "a "],
    ["an *empha", "an *empha*"],
    ["2 * 3", "2 * 3"],
    ["see [the docs", "see the docs"],
    ["see [docs](https://exa", "see docs"],
    ["see [docs]", "see docs"],
    ["[a](b) and", "[a](b) and"],
    ["text\n-", "text"],
    ["text\n#", "text"],
    ["text\n===", "text"],
    ["- one\n- ", "- one"],
    ["1. one\n2.", "1. one"],
    ["| a | b |", ""],
    ["x\n\n| a | b |\n|--", "x\n"],
    ["| a | b |\n|---|---|", "| a | b |\n|---|---|"],
    ["**a** and ~~b", "**a** and ~~b~~"],
    ["`a ** b` and c", "`a ** b` and c"],
  ])("%j becomes %j", (before, after) => expect(mend(before)).toBe(after));

  it("never flashes marks while a usual text is written", () => {
    const text =
      "A **bold** word, `code`, a [link](https://example.org/) and *more*.\nText\n- list\n- items\n";
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    for (let at = 1; at <= text.length; ++at) {
      view.update(text.slice(0, at), false);
      expect(root.querySelector("h1, h2"), text.slice(0, at)).toBeNull();
      expect(root.textContent, text.slice(0, at)).not.toMatch(/\*\*|`|\]\(|\[l/);
    }
  });
});
