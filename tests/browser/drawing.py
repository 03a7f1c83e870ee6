"""What receivers were sent, as pages that a browser draws. Nothing is added to what came but frames and colours."""

from __future__ import annotations

import json
import re
from email.message import EmailMessage
from html import escape
from typing import Any

from receiving import Request

#: Headers that say something of the message; the others are of every request.
HEADERS = ("authorization", "content-type", "idempotency-key", "user-agent")

_PAGE = """<!doctype html><html><head><meta charset="utf-8"><style>
body {{ margin: 0; padding: 16px; font: 14px/1.45 sans-serif; color: #1d1c1d; background: #fff }}
pre {{ margin: 0; font: 12.5px/1.45 monospace; white-space: pre-wrap; line-break: anywhere }}
.frame {{ border: 1px solid #d0d5dd; border-radius: 8px }}
.head {{ padding: 8px 12px; background: #f2f4f7; border-bottom: 1px solid #d0d5dd; color: #475467 }}
.body {{ padding: 12px }}
h3 {{ margin: 0 0 4px }} hr {{ border: 0; border-top: 1px solid #ddd; margin: 12px 0 }}
.fields {{ display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px; margin: 8px 0 }}
.text {{ white-space: pre-line; overflow-wrap: anywhere; margin: 8px 0 }}
a {{ color: #1264a3; text-decoration: none }}
.dot {{ display: inline-block; width: 0.8em; height: 0.8em; border-radius: 50% }}
</style></head><body><div class="frame">
<div class="head">{head}</div><div class="body">{body}</div></div></body></html>"""
#: Signs of Slack's messages, which not every machine has a font for.
SIGNS = {"🔴": "#d92d20", "🟢": "#12b76a"}


def page(head: str, body: str) -> str:
    return _PAGE.format(head=head, body=body)


def mail(one: EmailMessage, kind: str) -> str:
    """A mail as a program shows it: the headers, and the body of this kind ("html" or "plain") as it came."""
    part = one.get_body((kind,))
    assert part is not None
    content = part.get_content()
    inner = re.sub(r"</?(!doctype|html|body)[^>]*>", "", content) if kind == "html" else f"<pre>{escape(content)}</pre>"
    told = "<br>".join(f"<b>{name}:</b> {escape(str(one[name]))}" for name in ("Subject", "From", "To", "Date"))
    return page(told, inner)


def request(one: Request, secrets: tuple[str, ...] = ()) -> str:
    """The request line, headers and the body, without secrets."""
    headers = "\n".join(f"{name}: {one.headers[name]}" for name in HEADERS if name in one.headers)
    text = f"{headers}\n\n{json.dumps(one.body, indent=2, ensure_ascii=False)}"
    for secret in secrets:
        text = text.replace(secret, "••••••")
    return page(f"<code>{escape(f'{one.method} {one.path}')}</code>", f"<pre>{escape(text)}</pre>")


def terminal(command: str, output: str) -> str:
    return page(f"<code>$ {escape(command)}</code>", f"<pre>{escape(output)}</pre>")


def slack(payload: dict[str, Any]) -> str:
    """Blocks of Slack's Block Kit: as many as our messages have. An unknown one is an error, not left out."""
    return page("#alerts", "".join(_block(block) for block in payload["blocks"]))


def _block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "header":
            return f"<h3>{_text(block['text'])}</h3>"
        case "section":
            text = f'<div class="text">{_text(block["text"])}</div>' if "text" in block else ""
            fields = "".join(
                f'<div class="text" style="margin:0">{_text(one)}</div>' for one in block.get("fields", ())
            )
            return text + (f'<div class="fields">{fields}</div>' if fields else "")
        case "divider":
            return "<hr>"
    raise ValueError(f"unknown block: {block['type']}")


def _text(text: dict[str, Any]) -> str:
    """Plain text as it is; of markup the links `<address|words>`, in which &, < and > come escaped."""
    if text["type"] == "plain_text":
        shown = escape(text["text"])
        for sign, colour in SIGNS.items():
            shown = shown.replace(sign, f'<span class="dot" style="background:{colour}"></span>')
        return shown
    return re.sub(r"<([^|>]+)\|([^>]+)>", r'<a href="\1">\2</a>', text["text"])
