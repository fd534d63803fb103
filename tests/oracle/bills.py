"""Provider bills: every charge placed in an account, a month, a model and a class of tokens.

Amounts stay in the currency of the bill. Months are those of the account's own clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from .arithmetic import to_decimal
from .read import (
    ARRIVAL_COLUMN,
    InputError,
    Row,
    Seeds,
    listed,
    parse_instant,
    read_raw_table,
    recorded,
)
from .requests import References, as_object

BILL_TABLES = (
    ("focus", "charges"),
    ("openai_billing", "costs"),
    ("anthropic_billing", "cost_report"),
)

CAPACITY = "CAPACITY"
UNMAPPED = "UNMAPPED"
NO_CLASS = "NONE"

USAGE = "usage"
PURCHASE = "purchase"
CREDIT = "credit"
TAX = "tax"
FEE = "fee"

CENTS_TO_DOLLARS = Decimal("0.01")

OPENAI_CLASSES = {
    "input_tokens": "input_uncached",
    "input_uncached_tokens": "input_uncached",
    "input_cached_tokens": "cache_read",
    "cached_input_tokens": "cache_read",
    "input_cache_write_tokens": "cache_write_5m",
    "output_tokens": "output",
}
OPENAI_UNITS = {"tokens": 1, "1000_tokens": 1000}
ANTHROPIC_CLASSES = {
    "uncached_input_tokens": "input_uncached",
    "output_tokens": "output",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
}
# Direction of the tokens and what the cache does with them, in the words of a FOCUS bill.
FOCUS_CLASSES = {
    ("Input", "None"): "input_uncached",
    ("Input", "Read"): "cache_read",
    ("Input", "Write"): "cache_write_5m",
    ("Output", "None"): "output",
}
MODES = {None: "on_demand", "standard": "on_demand", "default": "on_demand"}


@dataclass(frozen=True)
class Account:
    """What the register says about one billing account."""

    billing_account_id: str
    provider_id: str
    time_zone: ZoneInfo
    currency: str
    gateway_sub_account_ids: tuple[str, ...]

    def date_of(self, instant: datetime) -> date:
        """Date of a naive UTC instant on the account's clock."""
        return instant.replace(tzinfo=UTC).astimezone(self.time_zone).date()

    def month_of(self, instant: datetime) -> date:
        return self.date_of(instant).replace(day=1)

    def uses_gateway(self, sub_account_id: str) -> bool:
        """False for a project whose calls no gateway ever sees."""
        known = self.gateway_sub_account_ids
        return "*" in known or sub_account_id in known


@dataclass(frozen=True)
class BillLine:
    """One charge of a bill. ``units`` are single tokens, None where the bill counts nothing."""

    billing_account_id: str
    document_id: str
    is_provisional: bool
    reference_document_id: str | None
    category: str
    sub_account_id: str
    model_id: str
    token_class: str
    pricing_mode: str
    commitment_id: str | None
    starts_at: datetime
    ends_at: datetime
    billing_month: date
    usage_month: date
    units: Decimal | None
    amount: Decimal
    currency: str
    known_at: datetime


def accounts_of(seeds: Seeds) -> dict[str, Account]:
    """Accounts by id; of several rows of one account the latest recorded holds."""
    rows = sorted(seeds.tables.get("billing_accounts", []), key=recorded)
    return {
        row["billing_account_id"]: Account(
            billing_account_id=row["billing_account_id"],
            provider_id=row["provider_id"],
            time_zone=ZoneInfo(row.get("billing_time_zone") or "UTC"),
            currency=row.get("billing_currency") or "USD",
            gateway_sub_account_ids=listed(row.get("gateway_sub_account_ids") or "*"),
        )
        for row in rows
    }


def provisional_id(billing_account_id: str, month: date) -> str:
    """Name of what a cost report asks for before an invoice does."""
    return f"provisional:{billing_account_id}:{month:%Y-%m}"


def _instant(value: object, what: str) -> datetime:
    if isinstance(value, int):
        return datetime.fromtimestamp(value, tz=UTC).replace(tzinfo=None)
    instant = parse_instant(value)
    if instant is None:
        raise InputError(f"a charge has no {what}")
    return instant


def _amount(value: object) -> Decimal:
    amount = to_decimal(value)
    if amount is None:
        raise InputError("a charge has no amount")
    return amount


def _openai(row: Row) -> dict[str, Any]:
    model, _, meter = (part.strip() for part in row["line_item"].partition(","))
    scale = OPENAI_UNITS.get(row["quantity_unit"] or "")
    quantity = to_decimal(row["quantity"])
    return {
        "account": row["organization_id"],
        "sub_account_id": row["project_id"] or "default",
        "model": model,
        "token_class": OPENAI_CLASSES.get(meter, UNMAPPED),
        "starts_at": _instant(row["start_time"], "start"),
        "ends_at": _instant(row["end_time"], "end"),
        "units": quantity * scale if quantity is not None and scale else None,
        "amount": _amount(row["amount_value"]),
        "currency": (row["amount_currency"] or "usd").upper(),
    }


def _anthropic(row: Row) -> dict[str, Any]:
    token_type = row["token_type"] if row["cost_type"] in (None, "tokens") else None
    return {
        "account": row["organization_id"],
        "sub_account_id": row["workspace_id"] or "default",
        "model": row["model"],
        "token_class": ANTHROPIC_CLASSES.get(token_type, UNMAPPED),
        "pricing_mode": MODES.get(row["service_tier"], row["service_tier"]),
        "starts_at": _instant(row["starting_at"], "start"),
        "ends_at": _instant(row["ending_at"], "end"),
        "amount": _amount(row["amount"]) * CENTS_TO_DOLLARS,
        "currency": row["currency"] or "USD",
    }


def _focus(row: Row) -> dict[str, Any] | None:
    # Lines that show how a purchase was used up are payable nowhere: the purchase is.
    if row["CommitmentDiscountStatus"] is not None and _amount(row["BilledCost"]) == 0:
        return None
    details = as_object(row["SkuPriceDetails"])
    direction = details.get("x_TokenDirection")
    token_class = NO_CLASS
    if row["CommitmentDiscountId"] is not None:
        token_class = CAPACITY
    elif direction is not None:
        action = details.get("x_TokenCacheAction") or "None"
        token_class = FOCUS_CLASSES.get((direction, action), UNMAPPED)
    category = row["ChargeCategory"].lower()
    tier = details.get("x_ServiceTier")
    return {
        "account": row["BillingAccountId"],
        "sub_account_id": row["SubAccountId"] or "default",
        "document_id": row["InvoiceId"],
        "is_provisional": row["x_DocumentType"] == "provisional" or row["InvoiceId"] is None,
        "reference_document_id": row["x_ReferenceInvoiceId"],
        "category": category if category in (USAGE, PURCHASE, CREDIT, TAX) else FEE,
        "model": details.get("x_ModelId"),
        "token_class": token_class,
        "pricing_mode": MODES.get(tier, tier),
        "commitment_id": row["CommitmentDiscountId"],
        "starts_at": _instant(row["ChargePeriodStart"], "start"),
        "ends_at": _instant(row["ChargePeriodEnd"], "end"),
        "billing_starts_at": row["BillingPeriodStart"],
        "units": row["ConsumedQuantity"] if category == USAGE else None,
        "amount": _amount(row["BilledCost"]),
        "currency": row["BillingCurrency"] or "USD",
        "sku": (row["SkuPriceId"], row["ResourceId"], row["ChargeDescription"]),
    }


READERS: dict[tuple[str, str], Callable[[Row], dict[str, Any] | None]] = {
    ("focus", "charges"): _focus,
    ("openai_billing", "costs"): _openai,
    ("anthropic_billing", "cost_report"): _anthropic,
}


def place_lines(
    raw: dict[tuple[str, str], list[Row]], seeds: Seeds
) -> list[tuple[tuple[object, ...], BillLine]]:
    """Every delivered charge with the key under which a later delivery replaces it.

    Raises ``InputError`` for a charge of an account that is not registered.
    """
    accounts = accounts_of(seeds)
    references = References(seeds, None)
    placed = []
    for (source_name, table), read in READERS.items():
        for row in raw.get((source_name, table), []):
            values = read(row)
            if values is None:
                continue
            account = accounts.get(str(values["account"]))
            if account is None:
                raise InputError(f"no account is called {values['account']}")
            line = _line(values, account, source_name, references, row)
            key = (
                line.billing_account_id,
                line.document_id,
                line.category,
                line.sub_account_id,
                line.model_id,
                line.token_class,
                line.pricing_mode,
                line.starts_at,
                line.ends_at,
                values.get("sku"),
            )
            placed.append((key, line))
    return placed


def _line(
    values: dict[str, Any],
    account: Account,
    source_name: str,
    references: References,
    row: Row,
) -> BillLine:
    starts_at, ends_at = values["starts_at"], values["ends_at"]
    billing_starts_at = parse_instant(values.get("billing_starts_at")) or starts_at
    billing_month = account.month_of(billing_starts_at)
    alias = references.alias(values.get("model"), source_name, starts_at)
    return BillLine(
        billing_account_id=account.billing_account_id,
        document_id=str(
            values.get("document_id") or provisional_id(account.billing_account_id, billing_month)
        ),
        is_provisional=bool(values.get("is_provisional", True)),
        reference_document_id=values.get("reference_document_id"),
        category=str(values.get("category", USAGE)),
        sub_account_id=str(values["sub_account_id"]),
        model_id=alias["model_id"] if alias else str(values.get("model") or "UNKNOWN"),
        token_class=str(values["token_class"]),
        pricing_mode=str(values.get("pricing_mode") or "on_demand"),
        commitment_id=values.get("commitment_id"),
        starts_at=starts_at,
        ends_at=ends_at,
        billing_month=billing_month,
        usage_month=account.month_of(starts_at),
        units=values.get("units"),
        amount=values["amount"],
        currency=str(values["currency"]),
        known_at=row[ARRIVAL_COLUMN] or ends_at,
    )


def known_lines(
    placed: Iterable[tuple[tuple[object, ...], BillLine]], known_at: datetime | None
) -> list[BillLine]:
    """The charges that count at one knowledge time.

    Of several deliveries of a charge the last one counts. An invoice replaces what cost reports
    said about the same account, month, model and class.
    """
    deliveries: dict[tuple[object, ...], list[BillLine]] = defaultdict(list)
    for key, line in placed:
        if known_at is None or line.known_at <= known_at:
            deliveries[key].append(line)
    lines = []
    for found in deliveries.values():
        last = max(line.known_at for line in found)
        lines.extend(line for line in found if line.known_at == last)
    invoiced = {_sold(line) for line in lines if not line.is_provisional}
    return [line for line in lines if not line.is_provisional or _sold(line) not in invoiced]


def _sold(line: BillLine) -> tuple[object, ...]:
    return (
        line.billing_account_id, line.usage_month, line.model_id, line.token_class, line.category,
    )  # fmt: skip


def read_bills(raw_path: Path) -> dict[tuple[str, str], list[Row]]:
    """Raw rows of the three kinds of bill below a folder."""
    return {key: read_raw_table(raw_path, *key) for key in BILL_TABLES}
