import { describe, expect, it } from "vitest";
import {
  childrenOf,
  leafBelow,
  newMessage,
  newMeta,
  pathTo,
  shownPath,
  startThatFits,
  textOf,
  titleOf,
  toSend,
  whereEdited,
} from "../src/conversation";
import type { Message, Role } from "../src/types";

const meta = newMeta("chat", "", 0);

/** "u1" is a question, "a1" an answer; each follows the one that is named. */
function tree(...edges: [string, string | null, string?][]): Map<string, Message> {
  return new Map(
    edges.map(([id, parent, text], i) => {
      const role: Role = id.startsWith("u") ? "user" : "assistant";
      return [id, { ...newMessage(meta.id, parent, role, text ?? id, i), id }];
    }),
  );
}

const ids = (path: Message[]) => path.map((message) => message.id);

describe("paths", () => {
  const messages = tree(["u1", null], ["a1", "u1"], ["a2", "u1"], ["u2", "a1"], ["u3", null]);

  it("go from the first message to the last", () => {
    expect(ids(pathTo(messages, "u2"))).toEqual(["u1", "a1", "u2"]);
    expect(ids(pathTo(messages, null))).toEqual([]);
  });

  it("end at the newest message where the last one is unknown", () => {
    expect(ids(shownPath({ meta: { ...meta, leaf: "gone" }, messages }))).toEqual(["u3"]);
  });

  it("end even where messages follow each other in a circle", () => {
    const circle = tree(["u1", "a1"], ["a1", "u1"]);
    expect(pathTo(circle, "u1")).toHaveLength(2);
    expect(leafBelow(circle, "u1")).toMatch(/^[ua]1$/);
  });

  it("have siblings in the order of their making", () => {
    expect(ids(childrenOf(messages).get("u1")!)).toEqual(["a1", "a2"]);
    expect(ids(childrenOf(messages).get(null)!)).toEqual(["u1", "u3"]);
  });

  it("continue with the newest branch", () => {
    expect(leafBelow(messages, "u1")).toBe("a2");
    expect(leafBelow(messages, "a1")).toBe("u2");
  });
});

describe("toSend", () => {
  const messages = tree(["u1", null], ["a1", "u1"], ["u2", "a1"], ["a2", "u2", ""], ["u3", "a2"]);

  it("begins with the system prompt and leaves out empty answers", () => {
    const sent = toSend({ ...meta, system: "Be brief." }, pathTo(messages, "u3"));
    expect(sent.map((one) => `${one.role}: ${one.content}`)).toEqual([
      "system: Be brief.",
      "user: u1",
      "assistant: a1",
      "user: u2",
      "user: u3",
    ]);
  });

  it("begins where the conversation was cut", () => {
    expect(
      toSend({ ...meta, start: "u2" }, pathTo(messages, "u3")).map((one) => one.content),
    ).toEqual(["u2", "u3"]);
    expect(toSend({ ...meta, start: "elsewhere" }, pathTo(messages, "u2"))).toHaveLength(3);
  });

  it("gives reasoning apart from the answer", () => {
    const path = pathTo(tree(["u1", null], ["a1", "u1"]), "a1");
    path[1]!.reasoning = "hm";
    expect(toSend(meta, path)[1]).toEqual({
      role: "assistant",
      content: "a1",
      reasoning_content: "hm",
    });
  });
});

describe("startThatFits", () => {
  const long = "x".repeat(984);
  const path = pathTo(
    tree(
      ["u1", null, long],
      ["a1", "u1", long],
      ["u2", "a1", long],
      ["a2", "u2", long],
      ["u3", "a2", long],
    ),
    "u3",
  );

  it("leaves out whole turns until the rest fits", () => {
    expect(startThatFits(meta, path, 5000, 3500)).toBe("u2");
    expect(startThatFits(meta, path, 5000, 1500)).toBe("u3");
  });

  it("keeps the last question in any case, and says when there is no more to leave out", () => {
    expect(startThatFits(meta, path, 5000, 10)).toBe("u3");
    expect(startThatFits({ ...meta, start: "u3" }, path, 1000, 10)).toBeNull();
    expect(startThatFits(meta, path.slice(0, 1), 5000, 10)).toBeNull();
  });

  it("goes on from where it was cut before", () => {
    expect(startThatFits({ ...meta, start: "u2" }, path, 3000, 2500)).toBe("u3");
  });
});

describe("titleOf", () => {
  it("is the beginning of the text in one line", () => {
    expect(titleOf("  a\n b ")).toBe("a b");
    expect(titleOf("word ".repeat(40))).toBe("word ".repeat(12).trim() + "…");
    expect(titleOf("x".repeat(100))).toBe("x".repeat(60) + "…");
  });
});

describe("whereEdited", () => {
  const path = pathTo(
    tree(["u1", null, "Once "], ["a1", "u1", "upon "], ["u2", "a1", "a time"]),
    "u2",
  );

  it("finds the messages that an edited text still contains", () => {
    expect(whereEdited(path, textOf(path))).toEqual({ parent: "u2", rest: "" });
    expect(whereEdited(path, "Once upon a time.")).toEqual({ parent: "u2", rest: "." });
    expect(whereEdited(path, "Once upon a day")).toEqual({ parent: "a1", rest: "a day" });
    expect(whereEdited(path, "Once up")).toEqual({ parent: "u1", rest: "up" });
    expect(whereEdited(path, "One")).toEqual({ parent: null, rest: "One" });
  });
});
