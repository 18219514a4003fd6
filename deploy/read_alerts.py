#!/usr/bin/env python3
"""Reads alerts.crisis as a notification service would, and prints each as a person would read it.

    pip install confluent-kafka
    deploy/read_alerts.py [HOST:PORT]        default 127.0.0.1:9092

Whoever de-duplicates on (id, revision), as this does, meets every revision exactly once. It decodes Avro's
single-object encoding by hand, in thirty lines, from the schemas in topics/alerts.crisis.
"""

import json
import struct
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

KST = timezone(timedelta(hours=9))
TOPIC = Path(__file__).resolve().parent.parent / "topics" / "alerts.crisis"
PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


class Reader:
    """One Avro datum, field by field."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def long(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)

    def read(self, schema):
        if isinstance(schema, list):
            return self.read(schema[self.long()])
        kind = schema["type"] if isinstance(schema, dict) else schema
        if kind == "null":
            return None
        if kind == "boolean":
            return self.take(1) == b"\x01"
        if kind in ("int", "long"):
            return self.long()
        if kind in ("string", "bytes"):
            text = self.take(self.long())
            return text.decode() if kind == "string" else text
        if kind == "enum":
            return schema["symbols"][self.long()]
        if kind == "array":
            items = []
            while count := self.long():
                if count < 0:
                    count = -count
                    self.long()
                items.extend(self.read(schema["items"]) for _ in range(count))
            return items
        if kind == "record":
            return {field["name"]: self.read(field["type"]) for field in schema["fields"]}
        return self.read(kind)


def canonical(schema):
    """Avro's parsing canonical form, as far as these schemas need it."""
    if isinstance(schema, list):
        return "[" + ",".join(canonical(branch) for branch in schema) + "]"
    if isinstance(schema, str):
        return json.dumps(schema)
    kind = schema["type"]
    if isinstance(kind, (dict, list)):
        return canonical(kind)
    if kind in PRIMITIVES:
        return json.dumps(kind)
    parts = []
    if "name" in schema:
        name = schema["name"] if "." in schema["name"] else "kr.ieum." + schema["name"]
        parts.append('"name":' + json.dumps(name))
    parts.append('"type":' + json.dumps(kind))
    if kind == "record":
        fields = ('{"name":%s,"type":%s}' % (json.dumps(f["name"]), canonical(f["type"])) for f in schema["fields"])
        parts.append('"fields":[' + ",".join(fields) + "]")
    if kind == "enum":
        parts.append('"symbols":' + json.dumps(schema["symbols"], separators=(",", ":")))
    if kind == "array":
        parts.append('"items":' + canonical(schema["items"]))
    return "{" + ",".join(parts) + "}"


def fingerprint(schema) -> bytes:
    """CRC-64-AVRO, little-endian, as it stands behind the two marker bytes of a record."""
    empty = 0xC15D213AA4D7A795
    value = empty
    for byte in canonical(schema).encode():
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (empty if value & 1 else 0)
    return struct.pack("<Q", value)


def instant(ms):
    return datetime.fromtimestamp(ms / 1000, KST).strftime("%Y-%m-%d %H:%M") if ms is not None else "-"


def labels(schema, name):
    return next(field.get("values", {}) for field in schema["fields"] if field["name"] == name)


def told(alert, schema) -> str:
    level = labels(schema, "level").get(alert["level"], alert["level"])
    change = labels(schema, "change").get(alert["change"], alert["change"])
    status = labels(schema, "status").get(alert["status"], alert["status"])
    region = alert["audience"]["admin_dong"] or alert["audience"]["sigungu"] or "-"
    lines = [f"[{level}] {alert['rule_title']}  ({change}, {status}, 개정 {alert['revision']})"]
    lines.append(f"  가구 {alert['household']}  관할 {alert['audience']['role']} {region}")
    for reason in alert["reasons"]:
        mark = "보류" if reason["held"] else "추정" if reason["assumed"] else "충족" if reason["met"] else None
        if mark and not reason["past"]:
            lines.append(f"  - {reason['say']} [{mark}]")
    if alert["suppression"]:
        lines.append(f"  보류 사유: {alert['suppression']['reason']}")
    if alert["escalation"]:
        lines.append(f"  상향 통보: {alert['escalation']['to']} {alert['escalation']['count']}회째")
    if alert["reason_code"]:
        lines.append(f"  사유: {alert['reason_code']}")
    if alert["suggested_action"]:
        lines.append(f"  기한: {instant(alert['suggested_action']['by'])}")
    return "\n".join(lines)


def main() -> None:
    # Here, so that whoever only decodes needs no client.
    from confluent_kafka import Consumer

    brokers = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9092"
    schemas = [json.loads(path.read_text()) for path in sorted(TOPIC.glob("v*.avsc"))]
    by_fingerprint = {fingerprint(schema): schema for schema in schemas}
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "read-alerts",
            "auto.offset.reset": "earliest",
            # Only what is committed: an alert that was never decided is never seen.
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([TOPIC.name])
    seen = {}
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                print(message.error(), file=sys.stderr)
                continue
            value = message.value()
            schema = by_fingerprint.get(value[2:10]) if value[:2] == b"\xc3\x01" else None
            if schema is None:
                print("a record of a schema that is not in topics/", file=sys.stderr)
                continue
            alert = Reader(value[10:]).read(schema)
            if seen.get(alert["id"], 0) < alert["revision"]:
                seen[alert["id"]] = alert["revision"]
                print(told(alert, schema), flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
