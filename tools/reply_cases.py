#!/usr/bin/python3
"""Makes tests/data/reply_cases.json: replies as templates of real models write them, with what they
consist of. Needs those templates beside the repository (../shared/templates), and renders them with
Python's jinja2; what it writes are our messages between the marks of each format.

    tools/reply_cases.py           writes the file
    tools/reply_cases.py --check   fails when it is not what would be written; without templates,
                                   when it is no such file
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/cli"))

FILE = ROOT / "tests/data/reply_cases.json"
TEMPLATES = ROOT.parent / "shared/templates"

# Makers whose templates have the same format, and so the same replies, are told once.
FORMATS = {
    "Apertus-8B-Instruct": "apertus", "Bielik-11B-v3.0-Instruct": "hermes",
    "Cohere2MoE": "cohere", "CohereForAI-c4ai-command-r7b-12-2024-tool_use": "cohere",
    "GLM-4.7-Flash": "glm", "GigaChat3.1-10B-A1.8B": "gigachat", "Kimi-K2-Instruct": "kimi-k2",
    "Kimi-K3": "kimi-k3", "LFM2.5-8B-A1B": "lfm2", "MiMo-VL": "hermes", "MiniMax-M2": "minimax-m2",
    "Mistral-Small-3.2-24B-Instruct-2506": "mistral", "NVIDIA-Nemotron-Nano-v2": "nemotron",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": "hermes", "Qwen-Qwen2.5-7B-Instruct": "hermes",
    "Qwen3-Coder": "qwen3-coder", "Reka-Edge": "hermes", "StepFun3.5-Flash": "qwen3-coder",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "deepseek-r1",
    "deepseek-ai-DeepSeek-V3.2": "deepseek-v3.2", "deepseek-ai-DeepSeek-V4": "deepseek-v4",
    "google-gemma-2-2b-it": "none", "google-gemma-4-31B-it": "gemma4",
    "ibm-granite-granite-4.0": "hermes", "inclusionai-ling-3.0-flash": "glm",
    "llama-cpp-rwkv-world": "think", "meetkai-functionary-medium-v3.2": "functionary",
    "meta-llama-Llama-3.2-3B-Instruct": "llama3", "microsoft-Phi-3.5-mini-instruct": "none",
    "mistralai-Mistral-Nemo-Instruct-2407": "mistral", "muse-glimmer": "muse",
    "openbmb-MiniCPM5-1B": "minicpm5", "poolside-Laguna-XS-2.1": "glm", "tencent-Hy3": "hunyuan",
    "unsloth-mistral-Devstral-Small-2507": "mistral",
}


def made():
    import replies
    from jinja_reference import Error, render

    def rendered(source):
        def one(variables):
            text = render(source, variables)
            if isinstance(text, Error):
                raise ValueError(text)
            return text
        return one

    seen, out = set(), []
    for name, row in replies.ROWS.items():
        source = (TEMPLATES / f"{name}.jinja").read_text()
        for label, reasoning, content, calls in replies.cases(row):
            render_one = rendered(source)
            variables, reply = replies.reply_of(row, render_one, reasoning, content, calls)
            prompt_end = replies.open_mark(render_one(variables))
            ids = [replies.IDS[call] if row.ids else "" for call in calls]
            ids = [one if one in reply else str(i) if row.ids else ""  # some templates count
                   for i, one in enumerate(ids)]
            key = (FORMATS[name], prompt_end, reply)
            if key not in seen:
                seen.add(key)
                out.append({"name": f"{name}: {label}", "format": FORMATS[name],
                            "prompt_end": prompt_end, "reply": reply, "content": content,
                            "reasoning": reasoning or "", "calls": calls, "ids": ids})
    return {"tools": replies.TOOLS, "arguments": replies.CALLS, "cases": out}


def text_of(document):
    """A line for each case."""
    cases = ",\n".join(json.dumps(case, ensure_ascii=False) for case in document["cases"])
    tools = json.dumps(document["tools"], ensure_ascii=False)
    arguments = json.dumps(document["arguments"], ensure_ascii=False)
    return f'{{"tools": {tools},\n"arguments": {arguments},\n"cases": [\n{cases}\n]}}\n'


def check():
    have = FILE.read_text()
    if text_of(json.loads(have)) != have:
        print(f"{FILE.name} was not written by this program: run tools/reply_cases.py")
        return 1
    if not TEMPLATES.exists():
        print(f"NOT CHECKED: ../{TEMPLATES.relative_to(ROOT.parent)} is not beside the repository")
        return 0
    if text_of(made()) != have:
        print(f"{FILE.name} is not current: run tools/reply_cases.py")
        return 1
    return 0


def main():
    if sys.argv[1:] == ["--check"]:
        return check()
    if len(sys.argv) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    FILE.write_text(text_of(made()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
