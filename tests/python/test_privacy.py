"""No content, address or name of a person leaves a source.

The sample company's raw files hold a canary in every content column, an IP address in every log
row and e-mail addresses as user ids. None of them may be found behind staging's door.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from dbt_runs import PROJECT, SAMPLE_DATA, DbtRun, run_dbt
from test_published_files import ordinary_marts

from scripts.publish_marts import publish

PLANTED = {
    "canary": "CANARY-7f3a-do-not-copy",
    "e-mail domain": "meridian.example",
    "IP address": "203.0.113.7",
}
E_MAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"

CONTENT_NAMES = re.compile(
    r"(^|_)(prompts?|messages?|contents?|responses?|completions?|body|bodies|ip|ip_address|address"
    r"|e_?mails?|phone|first_name|last_name|full_name|user_name|instructions|arguments|end_user)"
    r"(_|$)"
)
CONTENT_NAMES_ALLOWED = {
    "provider_response_id": "an id of the answer, not the answer",
    "prompt_tokens": "a count",
    "completion_tokens": "a count",
}
LONGEST_TEXT = 256
# JSON texts are read key by key and made by staging; fingerprints and descriptions are not free.
LONG_TEXTS_ALLOWED = re.compile(r"request_tags|other_meters|attributes|resource_attributes|metadata")

KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
LONGEST_KEY = KEY * 2
