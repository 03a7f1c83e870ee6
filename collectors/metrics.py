"""The vocabulary: every metric that a collector may report, declared once.

Names are exposed with the prefix `eda_`, and every series also carries `target` and `system`.
"""

from __future__ import annotations

from collectors.base import Metric

BACKLOG_MESSAGES = Metric(
    "backlog_messages",
    "gauge",
    "messages",
    "Messages that the group has not yet handled: log end minus the later of committed offset and log start.",
    ("destination", "group"),
)
BACKLOG_AGE_SECONDS = Metric(
    "backlog_age_seconds",
    "gauge",
    "seconds",
    "How long the oldest unhandled message has been waiting; see backlog_age_quality for how it is known.",
    ("destination", "group"),
)
BACKLOG_AGE_QUALITY = Metric(
    "backlog_age_quality",
    "gauge",
    "",
    "How backlog_age_seconds is known: 3 exact, 2 interpolated, 1 lower bound.",
    ("destination", "group"),
)
BACKLOG_PARTITION_MESSAGES = Metric(
    "backlog_partition_messages",
    "gauge",
    "messages",
    "Backlog of one partition, within the budget of the target.",
    ("destination", "group", "partition"),
)
IN_FLIGHT_MESSAGES = Metric(
    "in_flight_messages",
    "gauge",
    "messages",
    "Messages that were delivered to the group and not yet acknowledged.",
    ("destination", "group"),
)
CONSUMERS = Metric(
    "consumers",
    "gauge",
    "",
    "Members of the group that read the destination.",
    ("destination", "group"),
)
CONSUMER_CAPACITY = Metric(
    "consumer_capacity",
    "gauge",
    "",
    "Share of the time in which the group could take a message at once: 1 is always, below it its consumers are slow.",
    ("destination", "group"),
)
GROUP_STATE = Metric(
    "group_state",
    "gauge",
    "",
    "State of the group: 0 unknown, 1 dead, 2 empty, 3 stable, 4 assigning, 5 reconciling or rebalancing.",
    ("group",),
)
UNASSIGNED_PARTITIONS = Metric(
    "unassigned_partitions",
    "gauge",
    "",
    "Partitions of the destination with commits of the group, yet assigned to none of its members.",
    ("destination", "group"),
)
MESSAGES_IN_TOTAL = Metric(
    "messages_in_total",
    "counter",
    "messages",
    "Messages ever written to the destination.",
    ("destination",),
)
MESSAGES_OUT_TOTAL = Metric(
    "messages_out_total",
    "counter",
    "messages",
    "Messages ever handled by the group: the sum of its committed offsets, or what it acknowledged.",
    ("destination", "group"),
)
DELIVERIES_TOTAL = Metric(
    "deliveries_total",
    "counter",
    "messages",
    "Messages handed to the group, one that is handed to it again counted again.",
    ("destination", "group"),
)
DELAYED_MESSAGES = Metric(
    "delayed_messages",
    "gauge",
    "messages",
    "Messages of the destination that nobody gets before their delay is over.",
    ("destination",),
)
SUBSCRIPTIONS = Metric(
    "subscriptions",
    "gauge",
    "",
    "Subscriptions of the destination by state: dead_letters are kept, none are kept, or confirmation is pending.",
    ("destination", "state"),
)
REDELIVERIES_TOTAL = Metric(
    "redeliveries_total",
    "counter",
    "messages",
    "Messages delivered again, or written to the retry topics of the destination.",
    ("destination", "group"),
)
MESSAGES_MATCHED_TOTAL = Metric(
    "messages_matched_total",
    "counter",
    "messages",
    "Messages that the group was to get, by the broker's filters and patterns.",
    ("destination", "group"),
)
DELIVERY_FAILURES_TOTAL = Metric(
    "delivery_failures_total",
    "counter",
    "messages",
    "Attempts of the broker to deliver a message to the group that failed, by reason; most are tried again.",
    ("destination", "group", "reason"),
)
DELIVERY_LATENCY_SECONDS = Metric(
    "delivery_latency_seconds",
    "gauge",
    "seconds",
    "How long the group took to accept a message that the broker delivers to it, lately and on average.",
    ("destination", "group"),
)
DELIVERY_LATENCY_P99_SECONDS = Metric(
    "delivery_latency_p99_seconds",
    "gauge",
    "seconds",
    "As delivery_latency_seconds, of the slowest one in a hundred.",
    ("destination", "group"),
)
PUBLISH_LATENCY_SECONDS = Metric(
    "publish_latency_seconds",
    "gauge",
    "seconds",
    "How long the broker took to accept a message for the destination, lately and on average.",
    ("destination",),
)
UNROUTABLE_MESSAGES_TOTAL = Metric(
    "unroutable_messages_total",
    "counter",
    "messages",
    "Messages that nobody wanted, by reason: dropped, returned, unmatched; without destination, of no known exchange.",
    ("destination", "reason"),
)
LOST_MESSAGES = Metric(
    "lost_messages",
    "gauge",
    "messages",
    "Messages deleted by retention before the group read them: log start minus committed offset.",
    ("destination", "group"),
)
OFFSET_CLAMPS_TOTAL = Metric(
    "offset_clamps_total",
    "counter",
    "",
    "Readings in which a committed offset lay beyond the log end and the backlog was held at 0.",
    ("destination", "group"),
)
RETENTION_MARGIN_SECONDS = Metric(
    "retention_margin_seconds",
    "gauge",
    "seconds",
    "Time until the oldest unread message is deleted by retention.",
    ("destination", "group"),
)
DEAD_LETTERS = Metric(
    "dead_letters",
    "gauge",
    "messages",
    "Dead letters now in the destination, with or without a consumer.",
    ("destination", "source"),
)
DEAD_LETTERED_MESSAGES_TOTAL = Metric(
    "dead_lettered_messages_total",
    "counter",
    "messages",
    "Dead letters ever written to the destination.",
    ("destination", "source", "reason"),
)
DEAD_LETTERS_BORN = Metric(
    "dead_letters_born_timestamp_seconds",
    "gauge",
    "seconds",
    "When the destination's first dead letters were seen, as Unix time; absent where they were there before the agent.",
    ("destination", "source", "reason"),
)
REDRIVEN_MESSAGES_TOTAL = Metric(
    "redriven_messages_total",
    "counter",
    "messages",
    "Dead letters sent back, by outcome: sent, failed; and came_back, which were sent and are dead letters again.",
    ("destination", "source", "outcome"),
)
REDRIVES_RUNNING = Metric(
    "redrives_running",
    "gauge",
    "",
    "Tasks of the broker that send dead letters of the destination back, and have not ended.",
    ("destination",),
)
DEAD_LETTER_AGE_SECONDS = Metric(
    "dead_letter_age_seconds",
    "gauge",
    "seconds",
    "Age of the oldest dead letter in the destination.",
    ("destination",),
)
DEAD_LETTER_RETENTION_MARGIN_SECONDS = Metric(
    "dead_letter_retention_margin_seconds",
    "gauge",
    "seconds",
    "Time until the oldest dead letter in the destination is deleted by retention.",
    ("destination",),
)
DEAD_LETTER_FAILURES_TOTAL = Metric(
    "dead_letter_failures_total",
    "counter",
    "messages",
    "Dead letters that could not be kept and are lost; an empty destination is the broker as a whole.",
    ("destination", "reason"),
)
DEAD_LETTERS_WAITING = Metric(
    "dead_letters_waiting",
    "gauge",
    "messages",
    "Dead letters that wait in their source until another queue confirms that it has them.",
    ("source",),
)
DEAD_LETTER_ROUTE = Metric(
    "dead_letter_route",
    "gauge",
    "",
    "1 for every way that dead letters take, from the source to the destination.",
    ("source", "destination"),
)
DEATHS_TOTAL = Metric(
    "deaths_total",
    "counter",
    "messages",
    "Messages that died in the broker as a whole; strategy disabled are those that had nowhere to go and are lost.",
    ("reason", "strategy"),
)
CONFIGURATION_FAULT = Metric(
    "configuration_fault",
    "gauge",
    "",
    "1 while the configuration of the destination loses messages or will, by reason.",
    ("destination", "reason"),
)
_HANDLER = ("service", "handler", "destination", "group")
HANDLER_DURATION_SECONDS = Metric(
    "handler_duration_seconds",
    "histogram",
    "seconds",
    "How long calls of the handler took, by outcome; a batch is one call.",
    (*_HANDLER, "outcome"),
)
HANDLER_QUEUE_SECONDS = Metric(
    "handler_queue_seconds",
    "histogram",
    "seconds",
    "How old events were, by their own timestamps, when their handling began.",
    _HANDLER,
)
HANDLER_EVENTS_TOTAL = Metric(
    "handler_events_total",
    "counter",
    "events",
    "Events handled, by outcome: ok, failed, retried, dead_lettered or dropped. Every event of a batch counts.",
    (*_HANDLER, "outcome"),
)
HANDLER_FAILURES_TOTAL = Metric(
    "handler_failures_total",
    "counter",
    "events",
    "Events whose outcome was not ok, by reason: the class of the exception, or what the handler said.",
    (*_HANDLER, "reason"),
)
HANDLER_IN_PROGRESS = Metric(
    "handler_in_progress", "gauge", "", "Calls of the handler that have begun and not ended.", _HANDLER
)
HANDLER_IN_PROGRESS_SINCE = Metric(
    "handler_in_progress_since_timestamp_seconds",
    "gauge",
    "seconds",
    "When the longest of the calls in progress began, as Unix time; absent where none is.",
    _HANDLER,
)
HANDLER_LAST_SUCCESS = Metric(
    "handler_last_success_timestamp_seconds",
    "gauge",
    "seconds",
    "When the handler last ended with the outcome ok, as Unix time; absent where it never did.",
    _HANDLER,
)
MESSAGES_PUBLISHED_TOTAL = Metric(
    "messages_published_total",
    "counter",
    "messages",
    "Messages that the service published and the broker took.",
    ("service", "destination"),
)
PUBLISH_FAILURES_TOTAL = Metric(
    "publish_failures_total",
    "counter",
    "messages",
    "Messages that the service could not publish, by reason: the error's class or the broker's name for it.",
    ("service", "destination", "reason"),
)
DEAD_LETTERS_SENT_TOTAL = Metric(
    "dead_letters_sent_total",
    "counter",
    "messages",
    "Dead letters that the service itself wrote to the destination, as it counts them.",
    ("service", "destination", "source", "reason"),
)
NODE_UP = Metric("node_up", "gauge", "", "1 while the node of the target runs, else 0.", ("node",))
NODE_ALARM = Metric(
    "node_alarm",
    "gauge",
    "",
    "1 while the node has an alarm: memory, disk, or a partition of the cluster.",
    ("node", "reason"),
)
COLLECTOR_UP = Metric("collector_up", "gauge", "", "1 when the last collect read the target, else 0.")
COLLECTOR_DURATION_SECONDS = Metric(
    "collector_duration_seconds", "gauge", "seconds", "Duration of the last cycle by phase.", ("phase",)
)
COLLECTOR_INTERVAL_SECONDS = Metric(
    "collector_interval_seconds", "gauge", "seconds", "How often the target is to be read."
)
COLLECTOR_LAST_SUCCESS = Metric(
    "collector_last_success_timestamp_seconds", "gauge", "seconds", "When the target was last read, as Unix time."
)
COLLECTOR_REQUESTS_TOTAL = Metric("collector_requests_total", "counter", "", "Requests sent to the target.")
COLLECTOR_ERRORS_TOTAL = Metric(
    "collector_errors_total",
    "counter",
    "",
    "Failed collects (kind target) and failed parts of collects (kind part).",
    ("kind",),
)
COLLECTOR_SKIPPED = Metric(
    "collector_skipped", "gauge", "", "Things left out of the last reading, by reason.", ("reason",)
)
COLLECTOR_OVERRUNS_TOTAL = Metric(
    "collector_overruns_total", "counter", "", "Cycles skipped because the one before was still running."
)
STORE_BYTES = Metric("store_bytes", "gauge", "bytes", "Size of the store.")
STORE_WAL_BYTES = Metric("store_wal_bytes", "gauge", "bytes", "Size of the store's write-ahead log.")
STORE_ERRORS_TOTAL = Metric("store_errors_total", "counter", "", "Scrapes that could not be written to the store.")
RULES_JUDGED_AT = Metric(
    "rules_judged_timestamp_seconds",
    "gauge",
    "seconds",
    "When the agent last judged the rules over the target, as Unix time.",
)
ALERTS_ACTIVE = Metric(
    "alerts_active",
    "gauge",
    "",
    "Alerts of the agent that are pending or firing, without severity none; and suppressed, which are some of these.",
    ("state",),
)
NOTIFICATIONS_DELAY_SECONDS = Metric(
    "notifications_delay_seconds",
    "gauge",
    "seconds",
    "How long the last message that the receiver took had waited since it was decided.",
    ("receiver",),
)
RULE_FAILURES_TOTAL = Metric(
    "rule_failures_total",
    "counter",
    "",
    "Failed judgements of the rule; its alerts stay as they were, for what is unknown is not resolved.",
    ("rule",),
)
NOTIFICATIONS_WAITING = Metric(
    "notifications_waiting", "gauge", "", "Notifications that are not yet sent, or could not be."
)
NOTIFICATIONS_SENT_TOTAL = Metric(
    "notifications_sent_total", "counter", "", "Notifications that the receiver took.", ("receiver",)
)
NOTIFICATIONS_FAILED_TOTAL = Metric(
    "notifications_failed_total",
    "counter",
    "",
    "Notifications that were given up: refused, too old, or too many; of an Alertmanager, alerts that ended untold.",
    ("receiver",),
)

#: Every metric by name.
METRICS: dict[str, Metric] = {metric.name: metric for metric in list(globals().values()) if isinstance(metric, Metric)}
