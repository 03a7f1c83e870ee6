"""A trend as a picture of a few pixels. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, EDGE = 140, 30, 2


def spark(points: Sequence[tuple[float, float]], colour: str, told: str) -> str:
    """HTML of an image that draws the points from 0 up over their time; `told` is read to who cannot see it."""
    (began, _), (ended, _) = points[0], points[-1]
    top, span = max(max(value for _, value in points), 1e-9), (ended - began) or 1
    across = WIDTH - 2 * EDGE
    places = [
        f"{EDGE + (at - began) / span * across:.1f},{HEIGHT - EDGE - value / top * (HEIGHT - 2 * EDGE):.1f}"
        for at, value in points
    ]
    base = HEIGHT - EDGE
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'<polygon points="{EDGE},{base} {" ".join(places)} {WIDTH - EDGE},{base}" fill="{colour}" opacity=".18"/>'
        f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" stroke-width="1.8"/></svg>'
    )
    address = b64encode(svg.encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{address}" width="{WIDTH}" height="{HEIGHT}" alt="{escape(told)}">'
