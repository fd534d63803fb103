"""What the providers billed. Bills rise from true usage, whoever logged it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sample_company.files import Table
from sample_company.truth import (
    PER_TOKEN,
    POOL_MONTH,
    Attempt,
    Company,
    cost_by_class,
    price_per_million,
)

LOS_ANGELES_BEHIND_UTC = timedelta(hours=7)
"""Daylight time, which holds from before the first to after the last billing day."""
COST_API_DELAY = timedelta(hours=5)
INVOICE_DELAY = timedelta(days=1, hours=6)
"""Invoices are issued on the second of the next month."""

POOL_ID = "pool-1"
POOL_UNITS = 10
POOL_PRICE = Decimal("2.00")
POOL_ON_DEMAND_EQUIVALENT = Decimal("3.60")
CIRRUS_FIRST_TIER_TOKENS = 1_000_000_000
CIRRUS_PRICE_ABOVE = Decimal("0.08")

FOCUS_COLUMNS = {
    "AvailabilityZone": "VARCHAR",
    "BilledCost": "DECIMAL(38,12)",
    "BillingAccountId": "VARCHAR",
    "BillingAccountName": "VARCHAR",
    "BillingAccountType": "VARCHAR",
    "BillingCurrency": "VARCHAR",
    "BillingPeriodEnd": "TIMESTAMP",
    "BillingPeriodStart": "TIMESTAMP",
    "CapacityReservationId": "VARCHAR",
    "CapacityReservationStatus": "VARCHAR",
    "ChargeCategory": "VARCHAR",
    "ChargeClass": "VARCHAR",
    "ChargeDescription": "VARCHAR",
    "ChargeFrequency": "VARCHAR",
    "ChargePeriodEnd": "TIMESTAMP",
    "ChargePeriodStart": "TIMESTAMP",
    "CommitmentDiscountCategory": "VARCHAR",
    "CommitmentDiscountId": "VARCHAR",
    "CommitmentDiscountName": "VARCHAR",
    "CommitmentDiscountQuantity": "DECIMAL(38,12)",
    "CommitmentDiscountStatus": "VARCHAR",
    "CommitmentDiscountType": "VARCHAR",
    "CommitmentDiscountUnit": "VARCHAR",
    "ConsumedQuantity": "DECIMAL(38,12)",
    "ConsumedUnit": "VARCHAR",
    "ContractedCost": "DECIMAL(38,12)",
    "ContractedUnitPrice": "DECIMAL(38,12)",
    "EffectiveCost": "DECIMAL(38,12)",
    "InvoiceId": "VARCHAR",
    "InvoiceIssuerName": "VARCHAR",
    "ListCost": "DECIMAL(38,12)",
    "ListUnitPrice": "DECIMAL(38,12)",
    "PricingCategory": "VARCHAR",
    "PricingCurrency": "VARCHAR",
    "PricingCurrencyContractedUnitPrice": "DECIMAL(38,12)",
    "PricingCurrencyEffectiveCost": "DECIMAL(38,12)",
    "PricingCurrencyListUnitPrice": "DECIMAL(38,12)",
    "PricingQuantity": "DECIMAL(38,12)",
    "PricingUnit": "VARCHAR",
    "ProviderName": "VARCHAR",
    "PublisherName": "VARCHAR",
    "RegionId": "VARCHAR",
    "RegionName": "VARCHAR",
    "ResourceId": "VARCHAR",
    "ResourceName": "VARCHAR",
    "ResourceType": "VARCHAR",
    "ServiceCategory": "VARCHAR",
    "ServiceName": "VARCHAR",
    "ServiceSubcategory": "VARCHAR",
    "SkuId": "VARCHAR",
    "SkuMeter": "VARCHAR",
    "SkuPriceDetails": "VARCHAR",
    "SkuPriceId": "VARCHAR",
    "SubAccountId": "VARCHAR",
    "SubAccountName": "VARCHAR",
    "SubAccountType": "VARCHAR",
    "Tags": "VARCHAR",
    "x_DocumentType": "VARCHAR",
    "x_IssuedAt": "TIMESTAMP",
    "x_ReferenceInvoiceId": "VARCHAR",
    "_loaded_at": "TIMESTAMP",
}
"""The 57 columns of FOCUS 1.2, three of the issuer's own, and the loader's."""

METERS = {
    # token class: meter, direction, cache action
    "input_uncached": ("Input Tokens", "Input", "None"),
    "cache_read": ("Input Cache Read Tokens", "Input", "Read"),
    "output": ("Output Tokens", "Output", "None"),
}
ISSUERS = {"borealis": ("Borealis", "BOR", "USD"), "cirrus": ("Cirrus", "CIR", "EUR")}


def _month_start(day: date) -> datetime:
    return datetime(day.year, day.month, 1)


def _next_month(start: datetime) -> datetime:
    return (start + timedelta(days=32)).replace(day=1)


def _los_angeles_day(attempt: Attempt) -> datetime:
    """Start, in UTC, of the billing day the call falls on."""
    day = (attempt.started_at - LOS_ANGELES_BEHIND_UTC).date()
    return datetime(day.year, day.month, day.day) + LOS_ANGELES_BEHIND_UTC


def _sums_by(
    attempts: list[Attempt], key: Callable[[Attempt, str], tuple[Any, ...]]
) -> dict[tuple[Any, ...], tuple[int, Decimal]]:
    """Tokens and cost per key of call and token class, in key order."""
    tokens: dict[tuple[Any, ...], int] = defaultdict(int)
    costs: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for attempt in attempts:
        for token_class, cost in cost_by_class(attempt).items():
            tokens[key(attempt, token_class)] += attempt.tokens()[token_class]
            costs[key(attempt, token_class)] += cost
    return {name: (tokens[name], costs[name]) for name in sorted(tokens)}


def openai_table(company: Company) -> Table:
    """Account aurora-a: daily buckets, one row per project and line item."""
    epoch = datetime(1970, 1, 1)
    line_item = {"input_uncached": "input_tokens", "output": "output_tokens"}
    attempts = [a for a in company.attempts if a.billing_account == "aurora-a"]
    sums = _sums_by(attempts, lambda a, name: (_los_angeles_day(a), a.project, a.model, name))
    rows = []
    for (start, project, model, token_class), (tokens, cost) in sums.items():
        end = start + timedelta(days=1)
        rows.append(
            {
                "start_time": (start - epoch) // timedelta(seconds=1),
                "end_time": (end - epoch) // timedelta(seconds=1),
                "organization_id": "aurora-a",
                "project_id": project,
                "user_id": None,
                "api_key_id": None,
                "line_item": f"{model}, {line_item[token_class]}",
                # Text, because a float would not hold the amount.
                "amount_value": f"{cost.normalize():f}",
                "amount_currency": "usd",
                "quantity": tokens,
                "quantity_unit": "tokens",
                "_loaded_at": end + COST_API_DELAY,
            }
        )
    columns = {
        "start_time": "BIGINT",
        "end_time": "BIGINT",
        "organization_id": "VARCHAR",
        "project_id": "VARCHAR",
        "user_id": "VARCHAR",
        "api_key_id": "VARCHAR",
        "line_item": "VARCHAR",
        "amount_value": "VARCHAR",
        "amount_currency": "VARCHAR",
        "quantity": "BIGINT",
        "quantity_unit": "VARCHAR",
        "_loaded_at": "TIMESTAMP",
    }
    return Table("openai_billing/costs.parquet", columns, rows)


def anthropic_table(company: Company) -> Table:
    """Account aurora-b: daily buckets in the default workspace, amounts as text in cents."""
    token_type = {"input_uncached": "uncached_input_tokens", "output": "output_tokens"}
    attempts = [a for a in company.attempts if a.billing_account == "aurora-b"]
    sums = _sums_by(attempts, lambda a, name: (_los_angeles_day(a), a.model, name))
    rows = []
    for (start, model, token_class), (_, cost) in sums.items():
        end = start + timedelta(days=1)
        rows.append(
            {
                "starting_at": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                "ending_at": f"{end:%Y-%m-%dT%H:%M:%SZ}",
                "organization_id": "aurora-b",
                "workspace_id": None,
                "currency": "USD",
                "amount": f"{(cost * 100).normalize():f}",
                "cost_type": "tokens",
                "description": f"{model} Usage - {METERS[token_class][0]}",
                "model": model,
                "token_type": token_type[token_class],
                "context_window": "0-200k",
                "service_tier": "standard",
                "inference_geo": None,
                "_loaded_at": end + COST_API_DELAY,
            }
        )
    columns = {name: "VARCHAR" for name in rows[0]} | {"_loaded_at": "TIMESTAMP"}
    return Table("anthropic_billing/cost_report.parquet", columns, rows)


def _charge(account: str, month: datetime, period: tuple[datetime, datetime]) -> dict[str, Any]:
    """A FOCUS row of the month's invoice with everything empty that depends on the charge."""
    issuer, prefix, currency = ISSUERS[account]
    issued_at = _next_month(month) + INVOICE_DELAY
    known = {
        "BillingAccountId": account,
        "BillingAccountName": "Meridian Mutual",
        "BillingAccountType": "Organization",
        "BillingCurrency": currency,
        "BillingPeriodStart": month,
        "BillingPeriodEnd": _next_month(month),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": period[0],
        "ChargePeriodEnd": period[1],
        "InvoiceId": f"{prefix}-{month:%Y-%m}",
        "InvoiceIssuerName": issuer,
        "PricingCurrency": currency,
        "ProviderName": issuer,
        "PublisherName": issuer,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": f"{issuer} Inference",
        "ServiceSubcategory": "Generative AI",
        "x_DocumentType": "invoice",
        "x_IssuedAt": issued_at,
        "_loaded_at": issued_at,
    }
    return {name: known.get(name) for name in FOCUS_COLUMNS}


def _sku(model: str, token_class: str, tier: str) -> dict[str, Any]:
    meter, direction, cache_action = METERS[token_class]
    developer = model.split("-")[0].capitalize()
    return {
        "SkuId": f"{model}.{token_class}",
        "SkuMeter": meter,
        "SkuPriceId": f"{model}.{token_class}.{tier}",
        "SkuPriceDetails": json.dumps(
            {
                "x_ModelDeveloper": developer,
                "x_ModelFamily": developer.lower(),
                "x_ModelId": model,
                "x_TokenDirection": direction,
                "x_TokenCacheAction": cache_action,
                "x_ServiceTier": "batch" if tier == "batch" else "standard",
            }
        ),
    }


def _priced(
    quantity: Decimal, unit: str, unit_price: Decimal, billed: Decimal, effective: Decimal
) -> dict[str, Any]:
    """Quantity and money columns; list and contracted price are the same at these providers."""
    return {
        "BilledCost": billed,
        "EffectiveCost": effective,
        "PricingCurrencyEffectiveCost": effective,
        "ListCost": unit_price * quantity,
        "ContractedCost": unit_price * quantity,
        "ListUnitPrice": unit_price,
        "ContractedUnitPrice": unit_price,
        "PricingCurrencyListUnitPrice": unit_price,
        "PricingCurrencyContractedUnitPrice": unit_price,
        "PricingQuantity": quantity,
        "PricingUnit": unit,
    }


def _token_charge(
    account: str,
    day: date,
    deployment: str,
    sku: dict[str, Any],
    tokens: int,
    unit_price: Decimal,
    note: str = "",
) -> dict[str, Any]:
    start = datetime(day.year, day.month, day.day)
    cost = tokens * unit_price
    return (
        _charge(account, _month_start(day), (start, start + timedelta(days=1)))
        | sku
        | _priced(Decimal(tokens), "Tokens", unit_price, cost, cost)
        | {
            "ChargeDescription": f"{deployment} {sku['SkuMeter']}{note}",
            "ConsumedQuantity": tokens,
            "ConsumedUnit": "Tokens",
            "PricingCategory": "Standard",
            "ResourceId": deployment,
            "ResourceName": deployment,
            "ResourceType": "Deployment",
            "Tags": json.dumps({"deployment": deployment}),
        }
    )


def _borealis_usage(company: Company) -> list[dict[str, Any]]:
    attempts = [
        a
        for a in company.attempts
        if a.billing_account == "borealis" and a.pricing_mode != "committed"
    ]
    sums = _sums_by(
        attempts,
        lambda a, name: (a.started_at.date(), a.deployment, a.model, a.pricing_mode, name),
    )
    rows = []
    for (day, deployment, model, mode, token_class), (tokens, _) in sums.items():
        at = datetime(day.year, day.month, day.day)
        rows.append(
            _token_charge(
                "borealis",
                day,
                deployment,
                _sku(model, token_class, "batch" if mode == "batch" else "standard"),
                tokens,
                price_per_million(model, mode, token_class, at) * PER_TOKEN,
                note=" spilled from borealis-pool-1" if mode == "committed_spill" else "",
            )
        )
    return rows


def _pool_columns(units: Decimal, status: str | None) -> dict[str, Any]:
    return {
        "CommitmentDiscountCategory": "Usage",
        "CommitmentDiscountId": POOL_ID,
        "CommitmentDiscountName": POOL_ID,
        "CommitmentDiscountQuantity": units,
        "CommitmentDiscountStatus": status,
        "CommitmentDiscountType": "Provisioned Throughput",
        "CommitmentDiscountUnit": "Unit Hours",
        "ResourceId": "borealis-pool-1" if status == "Used" else POOL_ID,
        "ResourceName": "borealis-pool-1" if status == "Used" else POOL_ID,
        "ResourceType": "Deployment" if status == "Used" else "Commitment",
        "SkuId": "borealis-pro.provisioned_unit",
        "SkuMeter": "Provisioned Throughput",
        "SkuPriceId": f"borealis-pro.provisioned_unit.{'hour' if status else 'month'}",
        "SkuPriceDetails": json.dumps({"x_ModelId": "borealis-pro"}),
    }


def _borealis_pool(company: Company) -> list[dict[str, Any]]:
    """Purchase of the pool, and what each day used and left of it. A call is one unit-hour."""
    month = datetime(*POOL_MONTH, 1)
    end = _next_month(month)
    bought = Decimal(POOL_UNITS * ((end - month) // timedelta(hours=1)))
    rows = [
        _charge("borealis", month, (month, end))
        | _pool_columns(bought, None)
        | _priced(bought, "Unit Hours", POOL_PRICE, bought * POOL_PRICE, Decimal(0))
        | {
            "ChargeCategory": "Purchase",
            "ChargeDescription": "Provisioned throughput, 10 units",
            "ChargeFrequency": "Recurring",
            "PricingCategory": "Standard",
        }
    ]
    served: dict[date, list[Attempt]] = defaultdict(list)
    for attempt in company.attempts:
        if attempt.pricing_mode == "committed":
            served[attempt.started_at.date()].append(attempt)
    for day, attempts in sorted(served.items()):
        start = datetime(day.year, day.month, day.day)
        used = Decimal(len(attempts))
        for status, units in (("Used", used), ("Unused", Decimal(POOL_UNITS * 24) - used)):
            tokens = sum(attempt.prompt + attempt.output for attempt in attempts)
            rows.append(
                _charge("borealis", month, (start, start + timedelta(days=1)))
                | _pool_columns(units, status)
                | _priced(
                    units, "Unit Hours", POOL_ON_DEMAND_EQUIVALENT, Decimal(0), units * POOL_PRICE
                )
                | {
                    "ChargeDescription": f"Provisioned throughput {status.lower()}",
                    "ConsumedQuantity": tokens if status == "Used" else None,
                    "ConsumedUnit": "Tokens" if status == "Used" else None,
                    "PricingCategory": "Committed",
                }
            )
    return rows


def _credit(
    number: str, description: str, amount: Decimal, issued_at: datetime, resource: dict[str, Any]
) -> dict[str, Any]:
    """A line of a credit memo for the pool's month, invoiced in the month of its issue."""
    served = datetime(*POOL_MONTH, 1)
    return (
        _charge(
            "borealis", _month_start(issued_at.date()), (served, _next_month(served))
        )
        | {
            "BilledCost": amount,
            "EffectiveCost": amount,
            "PricingCurrencyEffectiveCost": amount,
            "ListCost": amount,
            "ContractedCost": amount,
            "ChargeCategory": "Credit",
            "ChargeClass": "Correction",
            "ChargeDescription": description,
            "ChargeFrequency": "One-Time",
            "InvoiceId": number,
            "x_DocumentType": "credit_memo",
            "x_IssuedAt": issued_at,
            "x_ReferenceInvoiceId": f"BOR-{served:%Y-%m}",
            "_loaded_at": issued_at,
        }
        | resource
    )  # fmt: skip


def _borealis_credits() -> list[dict[str, Any]]:
    batch = {
        "ResourceId": "borealis-pro-batch",
        "ResourceName": "borealis-pro-batch",
        "ResourceType": "Deployment",
    }
    price_memo = datetime(2026, 10, 10, 9)
    text = "Correction of September batch price"
    service_memo = datetime(2026, 10, 20, 9)
    pool = _pool_columns(Decimal(0), None) | {"CommitmentDiscountQuantity": None}
    return [
        _credit(
            "BOR-CM-0001", f"{text}, input", Decimal("-11.25"), price_memo,
            batch | _sku("borealis-pro", "input_uncached", "batch"),
        ),
        _credit(
            "BOR-CM-0001", f"{text}, output", Decimal("-1.80"), price_memo,
            batch | _sku("borealis-pro", "output", "batch"),
        ),
        _credit(
            "BOR-CM-0002", "Service level credit for September", Decimal("-50.00"), service_memo,
            pool,
        ),
    ]  # fmt: skip


def _cirrus_usage(company: Company) -> list[dict[str, Any]]:
    """Daily embedding tokens in EUR; the price falls within a month once the tier is full."""
    used: dict[datetime, int] = defaultdict(int)
    sums: dict[tuple[date, str, Decimal], int] = defaultdict(int)
    for attempt in company.attempts:
        if attempt.billing_account != "cirrus":
            continue
        month = _month_start(attempt.started_at.date())
        first = min(attempt.prompt, max(CIRRUS_FIRST_TIER_TOKENS - used[month], 0))
        used[month] += attempt.prompt
        price = price_per_million(
            attempt.model, attempt.pricing_mode, "input_uncached", attempt.started_at
        )
        for tier, unit_price, tokens in (
            ("first_tier", price, first),
            ("above", CIRRUS_PRICE_ABOVE, attempt.prompt - first),
        ):
            if tokens:
                sums[attempt.started_at.date(), tier, unit_price * PER_TOKEN] += tokens
    return [
        _token_charge(
            "cirrus",
            day,
            "cirrus-embed-01",
            _sku("cirrus-embed", "input_uncached", tier),
            tokens,
            unit_price,
        )
        for (day, tier, unit_price), tokens in sorted(sums.items())
    ]


def focus_table(company: Company) -> Table:
    """Borealis and Cirrus in one FOCUS 1.2 export."""
    rows = [
        *_borealis_usage(company),
        *_borealis_pool(company),
        *_borealis_credits(),
        *_cirrus_usage(company),
    ]
    return Table("focus/charges.parquet", FOCUS_COLUMNS, rows)
