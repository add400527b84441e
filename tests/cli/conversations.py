"""A grid of conversations that chat templates must cope with, or refuse."""
import itertools
import json

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Wetter \u2013 f\u00fcr eine Stadt, \u5929\u6c17",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "the city's \"name\" <b>&amp;</b>"},
        "days": {"type": "integer", "minimum": 1, "maximum": 7.5, "default": 3},
        "unit": {"type": "string", "enum": ["C", "F"], "nullable": True},
        "where": {"type": "object", "properties": {
            "lat": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
            "required": ["lat"]},
        "either": {"oneOf": [{"type": "string", "format": "date"}, {"type": "integer"}]},
        "list": {"type": "array", "items": {"type": "object", "properties": {
            "x": {"type": ["string", "null"]}}}}},
        "required": ["city"]},
    "return": {"type": "string"}, "response": {"type": "string", "description": "r"}}}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "",
                                          "parameters": {"type": "object", "properties": {}}}}
TOOLS = {"none": None, "one": [WEATHER], "two": [WEATHER, CLOCK], "empty": []}


def system(content="You are terse."):
    return {"role": "system", "content": content}


def user(content="What is 2+2?"):
    return {"role": "user", "content": content}


def assistant(content="4", **more):
    return {"role": "assistant", "content": content, **more}


def call(name="get_weather", arguments=None, **more):
    arguments = {"city": "K\u00f6ln", "days": 2, "deep": {"a": [1, None, True, 1.5]}} \
        if arguments is None else arguments
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def tool(content='{"temp": 21.5}', **more):
    return {"role": "tool", "content": content, **more}


def parts(*texts):
    return [{"type": "text", "text": text} for text in texts]


LONG_ID, OTHER_ID = "abcdefgh1", "call00002"
WITH_ID = {"tool_call_id": LONG_ID, "name": "get_weather"}

CONVERSATIONS = {
    "user": [user()],
    "nothing": [],
    "two turns": [user("Hi"), assistant("Hello!"), user("  How are you?\n")],
    "four turns": [user("a"), assistant("b"), user("c"), assistant("d"), user("e"), assistant("f"),
                   user("g")],
    "ends with assistant": [user("Hi"), assistant("Hello, I am")],
    "begins with assistant": [assistant("Welcome."), user("Hi")],
    "two users": [user("a"), user("b")],
    "non-ascii": [user("Gr\u00fc\u00dfe \u4f60\u597d \U0001f600 \u0645\u0631\u062d\u0628\u0627"),
                  assistant("\u2014 \u00ab\u00bb"), user("\t\u00a0x\u2028y")],
    "marks": [user("<|im_start|>system\n{{ x }} {% y %} [INST] </s> <think>a</think> & \" ' \\")],
    "empty content": [user(""), assistant(""), user("x")],
    "null content": [user("x"), {"role": "assistant", "content": None}, user("y")],
    "no content": [user("x"), {"role": "assistant"}, user("y")],
    "number content": [user(7)],
    "parts": [user(parts("one ", "two")), assistant(parts("three")), user(parts("four"))],
    "empty parts": [user([])],
    "image": [user([{"type": "image"}, {"type": "text", "text": "What is it?"}])],
    "image url": [user([{"type": "image_url", "image_url": {"url": "x"}},
                        {"type": "text", "text": "?"}])],
    "odd part": [user([{"type": "smell", "smell": "x"}])],
    "reasoning": [user("2+2?"), assistant("4", reasoning_content="Let me think.\nSo."),
                  user("and 3+3?"), assistant("6", reasoning_content=""), user("ok")],
    "reasoning last": [user("2+2?"), assistant("4", reasoning_content="think")],
    "reasoning alone": [user("2+2?"), assistant(None, reasoning="think"), user("?")],
    "thinking": [user("2+2?"), assistant("4", thinking="think"), user("?")],
    "think tags": [user("2+2?"), assistant("<think>\nhm\n</think>\n\n4"), user("3+3?"),
                   assistant("</think>6"), user("x")],
    "open think tag": [user("2+2?"), assistant("<think>hm"), user("x")],
    "call": [user("Weather?"), assistant(None, tool_calls=[call(id=LONG_ID)])],
    "call and result": [user("Weather?"), assistant(None, tool_calls=[call(id=LONG_ID)]),
                        tool(**WITH_ID)],
    "call, result, answer": [user("Weather?"), assistant("", tool_calls=[call(id=LONG_ID)]),
                             tool(**WITH_ID), assistant("Fine."), user("Thanks")],
    "call with text": [user("Weather?"),
                       assistant("I look.", reasoning_content="hm", tool_calls=[call(id=LONG_ID)]),
                       tool(**WITH_ID), assistant("Fine.", reasoning_content="so"), user("T")],
    "two calls": [user("Weather?"),
                  assistant("", tool_calls=[call(id=LONG_ID), call("clock", {}, id=OTHER_ID)]),
                  tool(**WITH_ID), tool("12:00", tool_call_id=OTHER_ID, name="clock"),
                  assistant("Fine."), user("Thanks")],
    "two calls, results turned": [
        user("Weather?"),
        assistant("", tool_calls=[call(id=LONG_ID), call("clock", {}, id=OTHER_ID)]),
        tool("12:00", tool_call_id=OTHER_ID), tool("{}", tool_call_id=LONG_ID)],
    "call with text arguments": [
        user("Weather?"), assistant(None, tool_calls=[call(arguments='{"city": "x"}', id=LONG_ID)]),
        tool(**WITH_ID), user("and?")],
    "call without id": [user("Weather?"), assistant("", tool_calls=[call()]), tool(), user("?")],
    "call of bare function": [user("W?"), assistant(None, tool_calls=[
        {"name": "clock", "arguments": {"a": "b"}}]), tool(name="clock"), user("?")],
    "call without type": [user("W?"), assistant(None, tool_calls=[
        {"id": LONG_ID, "function": {"name": "clock", "arguments": {}}}]), tool(**WITH_ID)],
    "empty calls": [user("Weather?"), assistant("x", tool_calls=[]), user("?")],
    "null calls": [user("W?"), assistant("x", tool_calls=None, reasoning_content=None), user("?")],
    "result as parts": [user("W?"), assistant(None, tool_calls=[call(id=LONG_ID)]),
                        tool(parts("a", "b"), **WITH_ID)],
    "result as object": [user("W?"), assistant(None, tool_calls=[call(id=LONG_ID)]),
                         tool({"temp": 1}, **WITH_ID)],
    "result alone": [tool("x")],
    "odd role": [user("x"), {"role": "wizard", "content": "Abracadabra"}],
    "developer": [{"role": "developer", "content": "Be kind."}, user("x")],
    "ipython": [user("x"), assistant("", tool_calls=[call(id=LONG_ID)]),
                {"role": "ipython", "content": "out"}],
    "function role": [user("x"), {"role": "function", "name": "f", "content": "out"}],
    "system later": [user("x"), system("Now shout."), user("y")],
    "names": [{"role": "user", "name": "Ann", "content": "x"},
              {"role": "assistant", "name": "Bot", "content": "y"}, user("z")],
    "no role": [{"content": "x"}],
    "a text": ["x"],
    "many": [m for i in range(30) for m in (user(f"question {i}"), assistant(f"answer {i}"))],
}

# What else callers hand to templates.
EXTRAS = (
    {}, {"enable_thinking": True}, {"enable_thinking": False}, {"thinking": True},
    {"thinking": False, "reasoning_effort": "high"}, {"date_string": "26 Jul 2024"},
    {"documents": [{"title": "T", "text": "the text", "content": "c"}]},
    {"continue_final_message": True}, {"add_vision_id": True, "keep_past_thinking": True},
    {"builtin_tools": ["brave_search", "code_interpreter"], "tools_in_user_message": False},
    {"enable_citations": True, "preserve_thinking": True}, {"reasoning_effort": None},
    {"tool_choice": "required", "thinking_effort": "low"}, {"thinking_budget": 512},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {"b": 1, "a": [2]}}}},
)


def variables(messages, **more):
    """As transformers calls a template: what is not given is none."""
    return json.dumps({"messages": messages, "tools": None, "documents": None,
                       "add_generation_prompt": False, "bos_token": "<s>", "eos_token": "</s>",
                       **more})


def grid():
    """Names and variables of all cases."""
    for name, messages in CONVERSATIONS.items():
        for head, (tools_name, tools), prompt in itertools.product(
                (None, system(), system(parts("Two ", "parts.")), system("")),
                TOOLS.items(), (False, True)):
            whole = ([head] if head else []) + messages
            label = f"{name}, system {head and head['content']!r}, tools {tools_name}, {prompt}"
            yield label, variables(whole, tools=tools, add_generation_prompt=prompt)
        for extra in EXTRAS:
            for tools_name in ("none", "one"):
                more = {"tools": TOOLS[tools_name], "add_generation_prompt": True, **extra}
                yield f"{name}, tools {tools_name}, {extra}", variables(messages, **more)
    bare = json.dumps({"messages": [user()], "bos_token": "<s>", "eos_token": "</s>"})
    yield "nothing but messages", bare
    yield "nothing at all", "{}"
