import { describe, expect, it } from "vitest";
import { newMessage, newMeta } from "../src/conversation";
import { exportText, importText } from "../src/transfer";
import type { Conversation, Message } from "../src/types";

function sample(): Conversation {
  const meta = { ...newMeta("chat", "Be kind.", 5), title: "Bread", named: true };
  const question = newMessage(meta.id, null, "user", "How? </script>", 6);
  const answer: Message = {
    ...newMessage(meta.id, question.id, "assistant", "So.", 7),
    reasoning: "hm",
    saved: 0,
    tools: [{ name: "f", arguments: "{}" }],
    info: { pieces: 3, servedBy: "local", bytesSent: 0, tokensPerSecond: 4, rateBy: "server" },
  };
  meta.leaf = answer.id;
  return {
    meta,
    messages: new Map<string, Message>([
      [question.id, { ...question, saved: 0 }],
      [answer.id, answer],
    ]),
  };
}

const wrap = (conversation: unknown) =>
  JSON.stringify({ format: "hearth-conversations", version: 1, conversations: [conversation] });

describe("export and import", () => {
  it("give back what was there", () => {
    const before = sample();
    expect(importText(exportText([before], new Date(0)))).toEqual({ conversations: [before] });
  });

  it("end answers that nobody writes any more", () => {
    const before = sample();
    const answer = [...before.messages.values()][1]!;
    answer.state = "writing";
    answer.owner = "tab";
    const read = importText(exportText([before], new Date(0)));
    if ("error" in read) throw new Error(read.error);
    const after = read.conversations[0]!.messages.get(answer.id)!;
    expect(after.state).toBe("stopped");
    expect(after.owner).toBeUndefined();
  });

  const base = { id: "c1", title: "t", created: 1, messages: [] };
  const message = { id: "m1", parent: null, role: "user", text: "x", created: 1 };
  const bad: [string, string, string][] = [
    ["no JSON", "{", "it is no JSON"],
    ["another format", "{}", 'its "format" is not "hearth-conversations"'],
    ["a list", "[]", "the file is no object"],
    [
      "a later version",
      '{"format":"hearth-conversations","version":2}',
      "its version is not 1, the one this page reads",
    ],
    [
      "no conversations",
      '{"format":"hearth-conversations","version":1}',
      "conversations is no list",
    ],
    ["a bad id", wrap({ ...base, id: "../x" }), "conversations[0].id is no identifier"],
    ["a bad time", wrap({ ...base, created: "now" }), "conversations[0].created is no time"],
    [
      "an unknown role",
      wrap({ ...base, messages: [{ ...message, role: "system" }] }),
      "conversations[0].messages[0].role is neither user nor assistant",
    ],
    [
      "text that is none",
      wrap({ ...base, messages: [{ ...message, text: {} }] }),
      "conversations[0].messages[0].text is no text",
    ],
    [
      "the same message twice",
      wrap({ ...base, messages: [message, message] }),
      "conversations[0].messages[1].id is there twice",
    ],
    [
      "a parent that is missing",
      wrap({ ...base, messages: [{ ...message, parent: "m9" }] }),
      "conversations[0]: message m1 follows m9, which is not there",
    ],
    [
      "a circle",
      wrap({
        ...base,
        messages: [
          { ...message, parent: "m2" },
          { ...message, id: "m2", parent: "m1" },
        ],
      }),
      "conversations[0]: message m1 comes after itself",
    ],
  ];
  it.each(bad)("say what is wrong with %s", (_, text, error) => {
    expect(importText(text)).toEqual({ error });
  });

  it("leave unknown fields behind", () => {
    const text = wrap({
      ...base,
      evil: 1,
      messages: [{ ...message, __proto__: { x: 1 }, info: { pieces: "many", finish: 3 } }],
    });
    const read = importText(text);
    if ("error" in read) throw new Error(read.error);
    expect(read.conversations[0]!.meta).not.toHaveProperty("evil");
    expect(read.conversations[0]!.messages.get("m1")!.info).toEqual({ pieces: 0 });
  });

  it("read a conversation of a hundred thousand messages in a row", () => {
    const messages = Array.from({ length: 100_000 }, (_, i) => ({
      ...message,
      id: `m${i}`,
      parent: i === 0 ? null : `m${i - 1}`,
    }));
    const read = importText(wrap({ ...base, messages }));
    expect("conversations" in read && read.conversations[0]!.messages.size).toBe(100_000);
  });
});
