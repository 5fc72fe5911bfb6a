"""Chat templates as jinja text: the one a folder brings, or giljabi's own to embed instead.

Rendered as transformers does it (utils/chat_template_utils.py), sandboxed: a template is code
from wherever the weights came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from giljabi.answer.generator import Message
from giljabi.errors import GiljabiError
from giljabi.export.conversations import Render, compare
from giljabi.export.convert_settings import read_object
from giljabi.model.prompt import Template

_GEMMA = """\
{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set opening = messages[0]['content'] | trim + '\\n\\n' -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set opening = '' -%}
    {%- set turns = messages -%}
{%- endif -%}
{%- for message in turns -%}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
    {{ '<start_of_turn>' + role + '\\n' + (opening if loop.first else '')
       + message['content'] | trim + '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<start_of_turn>model\\n' }}
{%- endif -%}
"""
_LLAMA3 = """\
{{ bos_token }}
{%- for message in messages -%}
    {{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'
       + message['content'] | trim + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif -%}
"""
_QWEN = """\
{%- for message in messages -%}
    {{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""
OWN: dict[str, str] = {"gemma": _GEMMA, "llama3": _LLAMA3, "qwen": _QWEN}
"""giljabi's templates as jinja, by the name in `TEMPLATES`."""


def chat_template(folder: Path, template: Template, *, own: bool) -> str:
    """The jinja text to embed: with `own` giljabi's, else the folder's, else giljabi's.

    Either is rendered on the twenty conversations; GiljabiError where it says anything other
    than `template`, or where giljabi has no jinja for it and the folder brings none.
    """
    found = None if own else source_template(folder)
    if found is None and template.name not in OWN:
        raise GiljabiError(
            f"There is no chat template to embed for {template.name!r}; "
            f"known: {', '.join(sorted(OWN))}."
        )
    tokens = special_tokens(folder)
    text = OWN[template.name] if found is None else found
    compare(
        renderer(text, tokens),
        template,
        tokens.get("bos_token", ""),
        f"The chat template of {folder}" if found else f"giljabi's chat template {template.name}",
        f"; --template {template.name} embeds giljabi's instead" if found else "",
    )
    return text


def source_template(folder: Path) -> str | None:
    """The folder's own chat template: chat_template.jinja, or in tokenizer_config.json."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    found = read_object(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(found, list):  # several by name
        named = {entry.get("name"): entry.get("template") for entry in found}
        found = named.get("default")
    return found if isinstance(found, str) and found.strip() else None


def special_tokens(folder: Path) -> dict[str, str]:
    """bos_token, eos_token, … as a template may name them."""
    config = {
        **read_object(folder / "special_tokens_map.json"),
        **read_object(folder / "tokenizer_config.json"),
    }
    found = {}
    for key, value in config.items():
        text = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(text, str):
            found[key] = text
    return found


def renderer(text: str, tokens: Mapping[str, str]) -> Render:
    """Messages → text through a jinja template, ending in the cue for the answer.

    Raises GiljabiError at once where it is not jinja, and when rendering where it refuses.
    """
    try:
        import jinja2  # noqa: PLC0415
        from jinja2.ext import loopcontrols  # noqa: PLC0415
        from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Checking a chat template needs jinja2: pip install 'giljabi[export]'"
        ) from error

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols], autoescape=False
    )
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: "2026-01-01"
    try:
        compiled = environment.from_string(text)
    except jinja2.TemplateError as error:
        raise GiljabiError(f"The chat template is not valid jinja: {error}.") from error

    def render(messages: Sequence[Message]) -> str:
        values: dict[str, Any] = {"messages": list(messages), "add_generation_prompt": True}
        try:
            return compiled.render(**tokens, **values)
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise GiljabiError(str(error)) from error

    return render
