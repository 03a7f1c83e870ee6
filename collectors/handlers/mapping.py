"""Exporters that no dialect knows, said in our vocabulary by the configuration."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from collectors.base import Metric, Settings
from collectors.handlers.dialects.ours import METRICS
from collectors.handlers.dialects.words import Exposed, Names, Translated
from collectors.handlers.points import Distribution, Point

NAME = "mapping"

Outcome = Literal["ok", "failed", "retried", "dead_lettered", "dropped"]


class MetricMapping(Settings):
    """One foreign metric, and what it is of ours."""

    #: The foreign one, as it is exposed; a histogram without `_bucket`.
    name: Annotated[str, Field(min_length=1)]
    #: Ours, without `eda_`.
    metric: str
    #: What a value is multiplied with: 0.001 makes seconds of milliseconds.
    factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    #: Our label -> theirs.
    labels: dict[str, str] = Field(default_factory=dict)
    #: Our label -> what it always is.
    fixed: dict[str, str] = Field(default_factory=dict)
    #: What the foreign label of the outcome says -> the outcome. What is not listed is left out.
    outcomes: dict[str, Outcome] = Field(default_factory=dict)

    @field_validator("metric")
    @classmethod
    def _is_of_handlers(cls, name: str) -> str:
        if name not in METRICS:
            raise ValueError(f"{name!r} is no metric of handlers; expected one of {', '.join(sorted(METRICS))}")
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> MetricMapping:
        known = METRICS[self.metric].labels
        for key, given in (("labels", self.labels), ("fixed", self.fixed)):
            for label in given.keys() - set(known):
                raise ValueError(f"{key}: {self.metric} has no label {label!r}; expected one of {', '.join(known)}")
        for label in self.labels.keys() & self.fixed.keys():
            raise ValueError(f"the label {label!r} stands in labels and in fixed; expected it in one of them")
        self._outcome_fits()
        return self

    def _outcome_fits(self) -> None:
        outcome = self.fixed.get("outcome")
        if outcome is not None and outcome not in get_args(Outcome):
            raise ValueError(f"fixed.outcome: {outcome!r} is none; expected one of {', '.join(get_args(Outcome))}")
        if self.outcomes and "outcome" not in self.labels:
            raise ValueError("outcomes: expected labels.outcome too, the foreign label that they are about")
        if self.metric == "handler_events_total" and "outcome" not in self.labels.keys() | self.fixed.keys():
            raise ValueError("handler_events_total counts by outcome; expected labels.outcome or fixed.outcome")

    def apply(self, exposed: Exposed, names: Names, into: Translated) -> None:
        metric = METRICS[self.metric]
        for point in exposed.get(self.name, ()):
            if isinstance(point.value, Distribution) != (metric.kind == "histogram"):
                into.skip(f"{self.name}, mapped to {self.metric}", "one of them is a histogram, the other is none")
                continue
            into.dialects[NAME] = None
            labels = self._labels(metric, point, names)
            if labels is not None:
                into.take(point, metric, labels, self.factor)

    def _labels(self, metric: Metric, point: Point, names: Names) -> tuple[str, ...] | None:
        """None where the outcome is one that is left out."""
        told = {label: point.labels.get(theirs, "") for label, theirs in self.labels.items()} | self.fixed
        if "outcome" in self.labels:
            outcome = self.outcomes.get(told["outcome"], "") if self.outcomes else told["outcome"]
            if outcome not in get_args(Outcome):
                return None
            told["outcome"] = outcome
        return names.of(metric, told)
