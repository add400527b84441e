"""Assistant messages as the templates of real models write them: what parsing must give back.

Each template is told by what it can write; the reply is what it adds to the prompt, up to the mark
that ends the turn. The rows know no format: those the program finds out itself."""
import json
import os
import re
from typing import NamedTuple, Optional

from conversations import assistant, call, user, variables


class Row(NamedTuple):
    end: str = ""                     # ends the turn
    reasoning: Optional[str] = None   # the key of a message that the template writes
    reasoning_when: str = "always"    # or "calls": only together with calls, "text": only without
    calls: int = 2                    # how many at most in one message
    content_with_calls: bool = True
    extra: dict = {}                  # variables, such that the prompt leads to the reply
    content_none: bool = False        # with calls, the template wants none
    text_arguments: bool = False      # the template wants arguments as JSON text
    escapes: bool = True              # strings may hold backslashes and any quotes
    later: bool = False               # only a message that is not the last is written as a reply
    ids: bool = False                 # the template writes the ids of calls


THINK = {"enable_thinking": True}
REASONING = "reasoning_content"
ROWS = {
    "Apertus-8B-Instruct": Row("<|assistant_end|>"),
    "Bielik-11B-v3.0-Instruct": Row("<|im_end|>", REASONING),
    "Cohere2MoE": Row("<|END_OF_TURN_TOKEN|>", REASONING, content_with_calls=False, ids=True),
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use": Row(
        "<|END_OF_TURN_TOKEN|>", REASONING, "calls", content_with_calls=False, extra=THINK,
        ids=True),
    "GLM-4.7-Flash": Row("<|user|>", REASONING),
    "GigaChat3.1-10B-A1.8B": Row("<|message_sep|>", calls=1),
    "Kimi-K2-Instruct": Row("<|im_end|>", calls=0),  # its calls need a list that can be changed
    "Kimi-K3": Row("<|end_of_msg|>", REASONING),
    "LFM2.5-8B-A1B": Row("<|im_end|>", "thinking", escapes=False),
    "MiMo-VL": Row("<|im_end|>"),
    "MiniMax-M2": Row("[e~[", REASONING),
    "Mistral-Small-3.2-24B-Instruct-2506": Row("</s>", content_with_calls=False, ids=True),
    "NVIDIA-Nemotron-Nano-v2": Row("<SPECIAL_12>", later=True),
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": Row("<|im_end|>", content_with_calls=False),
    "Qwen-Qwen2.5-7B-Instruct": Row("<|im_end|>"),
    "Qwen3-Coder": Row("<|im_end|>"),
    "Reka-Edge": Row("<sep>", REASONING, extra=THINK),
    "StepFun3.5-Flash": Row("<|im_end|>", REASONING),
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": Row("<｜end▁of▁sentence｜>", content_none=True),
    "deepseek-ai-DeepSeek-V3.2": Row("<｜end▁of▁sentence｜>", REASONING, extra=THINK),
    "deepseek-ai-DeepSeek-V4": Row("<｜end▁of▁sentence｜>", REASONING, extra=THINK),
    "google-gemma-2-2b-it": Row("<end_of_turn>", calls=0),
    "google-gemma-4-31B-it": Row("<turn|>", REASONING, "calls", extra=THINK),
    "ibm-granite-granite-4.0": Row("<|end_of_text|>"),
    "inclusionai-ling-3.0-flash": Row("<|role_end|>", REASONING),
    "llama-cpp-rwkv-world": Row("\n\nUser:", calls=0),
    "meetkai-functionary-medium-v3.2": Row("<|eot_id|>", text_arguments=True),
    "meta-llama-Llama-3.2-3B-Instruct": Row("<|eot_id|>", calls=1, content_with_calls=False),
    "microsoft-Phi-3.5-mini-instruct": Row("<|end|>", calls=0),
    "mistralai-Mistral-Nemo-Instruct-2407": Row("</s>", content_with_calls=False, ids=True),
    "muse-glimmer": Row("<|eot|>", REASONING, content_with_calls=False),
    "openbmb-MiniCPM5-1B": Row("<|im_end|>", REASONING, extra=THINK),
    "poolside-Laguna-XS-2.1": Row("</assistant>", REASONING, extra=THINK),
    "tencent-Hy3": Row("<｜hy_eos", REASONING, extra={"reasoning_effort": "high"}),
    "unsloth-mistral-Devstral-Small-2507": Row("</s>"),
}

MARKS = "</tool_call> </TOOLCALL> <|END_ACTION|> <|tool_call_end|> <|tools_suffix|> </function> " \
        "</invoke> <|message_sep|x> [TOOL_CALLS] >>>all <think>"
WEATHER = {"city": "K\u00f6ln \u5929\u6c17 \U0001f600", "days": 2,
           "deep": {"a": [1, None, True, -1.5, {"b": "x, y) ]"}], "empty": {}}}
TEXTS = {"say": "she said \"hi\", twice", "lines": "one\n two\n\nthree", "marks": MARKS, "none": "",
         "five": "5", "yes": "true", "null": "null", "braces": "{\"a\": [1}", "apostrophe": "it's",
         "angle": "a < b && c > d"}
VALUES = {"big": 9007199254740993, "small": 1.5e-07, "no": False, "nothing": None, "list": [],
          "object": {}, "nested": [[1, [2, "b"]], {"k": None}], "any": "free"}
BACKSLASH = {"path": "C:\\new\\table", "quotes": "'\"'\"", "unit": "\\u0041 \t tab"}

TYPES = {"city": "string", "days": "integer", "deep": "object", "any": None, "big": "integer",
         "small": "number", "no": "boolean", "nothing": "nullable", "list": "array",
         "object": "object", "nested": "array"}


def tool(name, arguments):
    """A tool whose parameters are those of the arguments; all else are strings."""
    properties = {}
    for key in arguments:
        kind = TYPES.get(key, "string")
        nullable = {"type": "string", "nullable": True}
        properties[key] = {"description": key, **(
            nullable if kind == "nullable" else {"type": kind} if kind else
            {"anyOf": [{"type": "integer"}, {"type": "string"}]})}
        if kind == "object":
            properties[key]["properties"] = {}
        if kind == "array":
            properties[key]["items"] = {"type": "string"}
    return {"type": "function", "function": {
        "name": name, "description": "does it",
        "parameters": {"type": "object", "properties": properties, "required": []}}}


CALLS = {"get_weather": WEATHER, "texts": TEXTS, "values": VALUES, "clock": {},
         "backslash": BACKSLASH}
TOOLS = [tool(name, arguments) for name, arguments in CALLS.items()]
IDS = {"get_weather": "abcdefgh1", "texts": "abcdefgh2", "values": "abcdefgh3",
       "clock": "abcdefgh4", "backslash": "abcdefgh5"}

REASON = "Let me think.\n\n\"2 < 3\", so {\"a\": 1} \u2013 <b>yes</b>"
CONTENT = "It is so: `a < b`.\n\n  - {\"json\": [1]} <b>\u4f60\u597d</b>"


def cases(row):
    """Names, reasoning, content and the calls of all messages that a template can write."""
    for reasoning in (None, REASON):
        if reasoning and row.reasoning_when == "always" and row.reasoning:
            yield "reasoning and text", reasoning, CONTENT, []
        elif not reasoning:
            yield "text", None, CONTENT, []
        if not row.calls or (reasoning and not row.reasoning):
            continue
        label = "reasoning and " if reasoning else ""
        for name in CALLS:
            if row.escapes or name != "backslash":
                yield f"{label}{name}", reasoning, "", [name]
        if row.content_with_calls and not row.content_none:
            yield f"{label}text and a call", reasoning, "I look.", ["get_weather"]
        if row.calls > 1:
            yield f"{label}two calls", reasoning, "", ["texts", "get_weather"]
            yield f"{label}two calls more", reasoning, "", ["clock", "values"]
        if row.calls > 1 and row.content_with_calls and not row.content_none:
            yield f"{label}text and two calls", reasoning, CONTENT, ["clock", "texts"]


def message(row, reasoning, content, names):
    more = {row.reasoning: reasoning} if reasoning else {}
    if names:
        more["tool_calls"] = [call(name, json.dumps(CALLS[name]) if row.text_arguments
                                   else CALLS[name], id=IDS[name]) for name in names]
    return assistant(None if names and row.content_none else content, **more)


def reply_of(row, render, reasoning, content, names):
    """The variables of the prompt that the reply answers, and the reply."""
    before = [user("Hi")]
    after = [user("Thanks")] if row.later else []
    said = before + [message(row, reasoning, content, names)]
    with_prompt = variables(before, tools=TOOLS, **{**row.extra, "add_generation_prompt": True})
    without = variables(before, tools=TOOLS, **row.extra)
    prompt, bare = render(with_prompt), render(without)
    whole = render(variables(said + after, tools=TOOLS, **row.extra))
    if whole.startswith(prompt):
        return with_prompt, whole[len(prompt):].split(row.end)[0]
    # The prompt opens a block that this message has not: then it is read behind the mark of whose
    # turn it is, which both have.
    head = os.path.commonprefix([prompt, whole])
    if not head.startswith(bare):
        raise ValueError(f"no prompt: ...{whole[len(head):][:100]!r}")
    head = re.sub(r"<[^<>]*$", "", head)
    return without, whole[len(head):].split(row.end)[0]


def expected(row, reasoning, content, names):
    ids = {} if not row.ids else IDS
    return {"content": content, "reasoning": reasoning or "",
            "tool_calls": [{**({"id": ids[name]} if name in ids else {}), "name": name,
                            "arguments": CALLS[name]} for name in names], "malformed": False}


def open_mark(prompt):
    """The mark that a prompt ends with: all of it that a parser of replies looks at."""
    found = re.search(r"(>>>|<\|start\|>assistant|(<\|open\|>\w+)?<[^<>]*>)\s*$", prompt)
    return found.group(0) if found else ""
