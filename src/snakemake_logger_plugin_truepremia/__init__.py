"""Snakemake logger ``truepremia``: one line of JSON for each event, read by ``truepremia run``.

Each line begins with ``MARK``, so that it can be told from what jobs print on the same stream.
"""

import json
import sys
from logging import INFO, LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

MARK = "\x1etruepremia:"
"""The record separator of ASCII, which no job prints."""

NOTHING = "Nothing to be done"
"""How Snakemake begins to say that all files are there; it has no event for that."""


class LogHandler(LogHandlerBase):
    """Writes events instead of text to the standard error."""

    def emit(self, record: LogRecord) -> None:
        """Write one event, or one message that belongs to none."""
        described = described_event(record)
        if described is not None:
            sys.stderr.write(f"{MARK}{json.dumps(described)}\n")
            sys.stderr.flush()

    @property
    def writes_to_stream(self) -> bool:
        """Whether Snakemake's own text is left out."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether there is a file of this handler."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether nothing is left out before."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Whether records come as they are."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Whether the graph of rules is wanted."""
        return False


def described_event(record: LogRecord) -> dict[str, Any] | None:
    """Return what a reader of the run wants to know of a record, None where that is nothing.

    Parameters
    ----------
    record : LogRecord
        As Snakemake logs it: ``event`` and the fields of the event are attributes.
    """
    event = getattr(record, "event", None)
    if event == LogEvent.JOB_INFO:
        return {
            "event": "started",
            "job": record.__dict__["jobid"],
            "rule": record.__dict__["rule_name"],
            "wildcards": dict(record.__dict__["wildcards"] or {}),
        }
    if event == LogEvent.JOB_FINISHED:
        return {"event": "finished", "job": record.__dict__["job_id"]}
    if event == LogEvent.PROGRESS:
        return {"event": "progress", **{k: record.__dict__[k] for k in ("done", "total")}}
    if event == LogEvent.RUN_INFO:
        return {"event": "planned", "rules": dict(record.__dict__["stats"])}
    if event == LogEvent.JOB_ERROR:
        fields = {key: record.__dict__[key] for key in ("jobid", "rule_name")}
        logs = [str(file) for file in record.__dict__["log"] or ()]
        return {"event": "failed", "job": fields["jobid"], "rule": fields["rule_name"], "log": logs}
    if event in (None, LogEvent.ERROR) and record.levelno > INFO:
        return {"event": "message", "text": record.getMessage(), "level": record.levelname}
    if event is None and record.getMessage().startswith(NOTHING):
        return {"event": "nothing"}
    return None
