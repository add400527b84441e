"""Chat templates as Hugging Face transformers renders them, with Python's jinja2: what hearth is
raced against. Written after transformers/utils/chat_template_utils.py."""
import datetime
import functools
import json

import jinja2
import jinja2.ext
import jinja2.sandbox

NOW = datetime.datetime(2026, 1, 31, 9, 5, 7)


class Generation(jinja2.ext.Extension):
    """{% generation %}: what a model is trained to write. Renders as its body."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("body"), [], [], body).set_lineno(line)

    def body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def make_environment():
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = NOW.strftime
    return environment


ENVIRONMENT = make_environment()


@functools.lru_cache(maxsize=4)
def parsed(template):
    return ENVIRONMENT.from_string(template)


class Error(str):
    """What went wrong, in place of a text."""


def render(template, variables):
    """The text, or an Error for any failure."""
    try:
        return parsed(template).render(**json.loads(variables))
    except RecursionError:
        return Error("RecursionError")
    except Exception as error:  # pylint: disable=broad-except
        return Error(f"{type(error).__name__}: {error}")
