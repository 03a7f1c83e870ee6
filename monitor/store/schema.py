"""The names of the schema's steps, for those who open a store without bringing it up to date."""

from __future__ import annotations

#: In order; `migrations` has what each does.
STEPS = ("first_schema", "histograms", "telling", "quiet_since", "scrapes_by_target", "histograms_before", "audit")


def misfit(applied: set[str]) -> str:
    """What is wrong with a store in which these steps were made, and what to do; "" where it is as it should be."""
    newer, missing = sorted(applied - set(STEPS)), [step for step in STEPS if step not in applied]
    if newer:
        return f"has the schema {', '.join(newer)} of a newer program; upgrade this one"
    if missing:
        return f"lacks the schema {', '.join(missing)} of this program; its agent is an older one: upgrade it"
    return ""
