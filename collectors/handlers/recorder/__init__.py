"""What runs in a handler's own process: it counts, and exposes or pushes what it counted. It must stay light.

`instrumenting` wraps a handler, whose every call is an `event`; `process` holds the numbers, in records of a `ledger`
that `layout` gives a meaning; `directory` adds processes up; `families`, `serving` and `pushing` tell the sum.
"""
