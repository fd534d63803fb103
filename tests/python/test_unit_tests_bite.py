"""Every unit test of a money rule fails when its rule is broken.

Each case changes one piece of SQL in a copy of a model, or of a macro, and expects the unit test
that states the rule to fail there; test_unit_tests.py sees it pass on the SQL as it is. A case
whose text is no longer in the project fails too: the rule has moved, and so must the case.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from dbt_runs import PROJECT, DbtRun, run_dbt
from dbt_shortcuts import columns_asked_for_once
from raw_files import copy_project

STAGING = "models/staging/litellm/stg_litellm__requests.sql"
REQUESTS = "models/intermediate/requests/"
RATING = "models/intermediate/rating/"
BILLING = "models/intermediate/billing/"


@dataclass(frozen=True)
class BrokenRule:
    """One textual change of a file, and the unit test that must notice it."""

    name: str
    file: str
    text: str
    changed_text: str
    unit_test: str


BROKEN_RULES = (
    BrokenRule(
        "whoever used a pool in another month goes past it",
        "models/intermediate/commitment/int_capacity_bypasses_hourly.sql",
        "and rates.billing_month = pool_users.billing_month",
        "",
        "a_call_past_the_pool_counts_when_its_application_uses_the_pool",
    ),
    BrokenRule(
        "the cheapest model names an interaction",
        "models/intermediate/outcome/int_costliest_models.sql",
        "order by model_cost_usd desc",
        "order by model_cost_usd asc",
        "the_costliest_model_names_an_interaction_and_a_tie_goes_to_the_last_called",
    ),
    BrokenRule(
        "a price also holds at the instant at which it ends",
        RATING + "int_attempts_carded.sql",
        "classified.started_at < price_cards.valid_until_at",
        "classified.started_at <= price_cards.valid_until_at",
        "a_price_cut_within_a_month_holds_from_its_first_instant",
    ),
    BrokenRule(
        "a context band includes its upper bound",
        RATING + "int_attempts_carded.sql",
        "classified.context_tokens < price_cards.context_until_tokens",
        "classified.context_tokens <= price_cards.context_until_tokens",
        "the_whole_prompt_chooses_the_band_and_its_boundary_belongs_to_the_lower_one",
    ),
    BrokenRule(
        "the band is chosen by prompt and answer together",
        RATING + "int_attempts_carded.sql",
        "classified.context_tokens >= price_cards.context_from_tokens",
        "classified.context_tokens + classified.output_tokens >= price_cards.context_from_tokens",
        "the_whole_prompt_chooses_the_band_and_its_boundary_belongs_to_the_lower_one",
    ),
    BrokenRule(
        "a failure is billed by the gateway's own estimate",
        RATING + "int_attempts_carded.sql",
        "= 'provider' and",
        "is not null and",
        "what_a_provider_bills_for_follows_from_how_the_call_ended",
    ),
    BrokenRule(
        "a replay from the gateway's cache is billed",
        RATING + "int_attempts_carded.sql",
        "is_gateway_cache_hit then 'not_billable'",
        "is_gateway_cache_hit then 'billable'",
        "what_a_provider_bills_for_follows_from_how_the_call_ended",
    ),
    BrokenRule(
        "cached tokens are not charged",
        "macros/rated_usd.sql",
        "'input_uncached', 'cache_read', 'cache_write_5m'",
        "'input_uncached', 'cache_write_5m'",
        "every_class_of_tokens_is_charged_once_at_its_own_price",
    ),
    BrokenRule(
        "a missing price counts as 0",
        "macros/rated_usd.sql",
        "* {{ prices }}_{{ token_class }}_usd_per_million",
        "* coalesce({{ prices }}_{{ token_class }}_usd_per_million, 0)",
        "a_call_without_a_price_has_no_cost_but_a_reason_and_an_exposure",
    ),
    BrokenRule(
        "a list price is owed where a contract exists",
        RATING + "int_price_winners.sql",
        "case when prices.price_kind = 'contracted' then 1 else 2 end as kind_rank",
        "case when prices.price_kind = 'contracted' then 2 else 1 end as kind_rank",
        "a_contract_price_is_owed_and_the_list_price_stands_beside_it",
    ),
    BrokenRule(
        "a price for any account goes before one for this account",
        RATING + "int_price_winners.sql",
        "case when prices.billing_account_id = '*' then 2 else 1 end as account_rank",
        "case when prices.billing_account_id = '*' then 1 else 2 end as account_rank",
        "a_named_account_goes_before_any_account",
    ),
    BrokenRule(
        "a price for any region goes before one for this region",
        RATING + "int_price_winners.sql",
        "case when prices.region_id = '*' then 2 else 1 end as region_rank",
        "case when prices.region_id = '*' then 1 else 2 end as region_rank",
        "a_named_region_goes_before_any_region",
    ),
    BrokenRule(
        "of two recordings of a price the earlier one holds",
        RATING + "int_price_winners.sql",
        "and ranked.recorded_at = max(ranked.recorded_at)",
        "and ranked.recorded_at = min(ranked.recorded_at)",
        "of_equally_specific_prices_the_latest_recorded_corrects_the_window_it_covers",
    ),
    BrokenRule(
        "a correction counts before anybody knew it",
        RATING + "int_price_winners.sql",
        "and segments.known_from_month >= prices.known_from_month\n",
        "\n",
        "a_price_corrected_after_a_close_stands_beside_what_the_close_knew",
    ),
    BrokenRule(
        "a corrected exchange rate counts beside its correction",
        RATING + "int_price_winners.sql",
        "and segments.known_from_month < prices.known_until_month\n",
        "\n",
        "a_converted_price_counts_only_while_its_month_rate_is_believed",
    ),
    BrokenRule(
        "what a close learned of at its last instant belongs to the next one",
        RATING + "int_prices_in_usd.sql",
        "and price_rows.recorded_at <= periods.known_until_at",
        "and price_rows.recorded_at < periods.known_until_at",
        "a_price_is_known_from_the_first_close_that_was_not_before_it",
    ),
    BrokenRule(
        "an ended price still rates",
        RATING + "int_price_winners.sql",
        "prices.valid_until_at >= segments.ends_at as is_in_force",
        "prices.valid_until_at >= prices.valid_from_at as is_in_force",
        "an_ended_price_rates_nothing_and_estimates_until_there_is_a_newer_one",
    ),
    BrokenRule(
        "any kind of exchange rate converts a price",
        RATING + "int_prices_in_usd.sql",
        "rate_type = 'month_avg'\n        and to_currency",
        "to_currency",
        "a_foreign_price_takes_each_months_rate_and_a_month_without_a_rate_has_no_price",
    ),
    BrokenRule(
        "what is recorded later counts already",
        "macros/known_rows.sql",
        """{{ recorded_at }} <= cast('{{ var("as_of") }}' as timestamp)""",
        "1 = 1",
        "a_price_recorded_after_the_knowledge_time_does_not_count_yet",
    ),
    BrokenRule(
        "a step of the volume starts one unit early",
        "macros/graduated_step_parts.sql",
        "- {{ steps }}.volume_from_units\n",
        "- {{ steps }}.volume_from_units + 1\n",
        "each_step_of_a_months_volume_costs_its_own_price",
    ),
    BrokenRule(
        "every card has a volume of its own",
        RATING + "int_graduated_usage.sql",
        "graduated_prices.ladder_price_id as price_id",
        "graduated_prices.price_id",
        "a_new_price_of_another_class_does_not_start_the_volume_of_the_month_again",
    ),
    BrokenRule(
        "the remainder of a split is lost",
        RATING + "int_graduated_costs.sql",
        "total_parts - sum(",
        "total_parts - total_parts + 0 * sum(",
        "a_months_graduated_cost_is_split_at_its_blended_rate_to_the_last_decimal",
    ),
    BrokenRule(
        "calls that come late climb in a closed month",
        BILLING + "int_graduated_volumes_stepped.sql",
        "and value_steps.usage_known_month >= units.known_month\n",
        "\n",
        "a_closed_month_climbs_with_the_volume_and_the_steps_known_then",
    ),
    BrokenRule(
        "a step that is corrected later holds for a closed month",
        BILLING + "int_graduated_volumes_stepped.sql",
        "and value_steps.prices_known_month < ladders.known_until_month\n",
        "\n",
        "a_closed_month_climbs_with_the_volume_and_the_steps_known_then",
    ),
    BrokenRule(
        "a month of the ledger has the whole volume of a UTC month",
        BILLING + "int_graduated_volumes_stepped.sql",
        "when units.billing_month = value_steps.usage_month then units.units",
        "when units.billing_month is not null then units.units",
        "the_last_hours_of_a_month_elsewhere_climb_with_the_utc_month_they_lie_in",
    ),
    BrokenRule(
        "what a split of a closed month leaves is lost",
        BILLING + "int_graduated_shares_stepped.sql",
        "shares.month_parts - sum(",
        "0 * sum(",
        "a_closed_month_is_split_at_the_blended_rate_it_had_then",
    ),
    BrokenRule(
        "a month of the ledger pays for the volume of its neighbor",
        BILLING + "int_graduated_shares_stepped.sql",
        "'volumes.total_parts * volumes.month_units', 'volumes.total_units'",
        "'volumes.total_parts * volumes.total_units', 'volumes.total_units'",
        "the_part_of_a_volume_in_another_month_of_the_ledger_is_left_to_it",
    ),
    BrokenRule(
        "a closed month has the graduated amounts of today",
        BILLING + "int_usage_stepped.sql",
        "identified.usage_id is not null and not steps.is_newest as is_volume_stepped",
        "false as is_volume_stepped",
        "a_closed_month_keeps_the_prices_and_the_volume_it_was_closed_with",
    ),
    BrokenRule(
        "a corrected price takes its meters out of a closed month",
        BILLING + "int_usage_stepped.sql",
        "when not stepped.has_meter_prices then 0",
        "when stepped.is_rated_otherwise then 0",
        "a_closed_month_keeps_the_prices_and_the_volume_it_was_closed_with",
    ),
    BrokenRule(
        "usage of another UTC month is news of a volume",
        BILLING + "int_usage_news.sql",
        "and graduated_months.utc_month = others.utc_month\n",
        "\n",
        "months_that_share_a_volume_have_news_of_each_other",
    ),
    BrokenRule(
        "steps that are recorded anew are the ladder they were",
        BILLING + "int_price_cards_superseded.sql",
        "'unit_quantity', 'case when is_graduated then price_row_id end',",
        "'unit_quantity',",
        "only_knowledge_that_says_something_else_is_superseded",
    ),
    BrokenRule(
        "a crumb in the last decimal decides who bears a cent",
        BILLING + "int_ledger_values.sql",
        "round(signed.exact_cents - floor(signed.exact_cents), 6)",
        "signed.exact_cents - floor(signed.exact_cents)",
        "cents_go_to_the_largest_remainders",
    ),
    BrokenRule(
        "a rule acts on a closed month as late calls do",
        BILLING + "int_capacity_months_stepped.sql",
        "when caused.is_rule_change then steps.rules_known_month",
        "when caused.is_rule_change then steps.usage_known_month",
        "each_kind_of_news_changes_capacity_in_the_step_of_its_cause",
    ),
    BrokenRule(
        "a rule counts for months that it does not cover",
        BILLING + "int_capacity_months_stepped.sql",
        "and months.billing_month >= news.first_month\n",
        "\n",
        "each_kind_of_news_changes_capacity_in_the_step_of_its_cause",
    ),
    BrokenRule(
        "every version of a commitment corrects its price",
        BILLING + "int_capacity_news.sql",
        "case when has_same_terms then 'rule_change' else 'rate_correction' end",
        "case when has_same_terms is null then 'rule_change' else 'rate_correction' end",
        "a_commitment_that_only_changes_who_bears_it_is_a_changed_rule",
    ),
    BrokenRule(
        "a rule restates owners before it was recorded",
        BILLING + "int_value_changes.sql",
        "greatest(known_rules.known_from_month, ownership.known_from_month)",
        "greatest(ownership.known_from_month, ownership.known_from_month)",
        "owners_recorded_after_the_close_count_from_when_the_rule_restates_them",
    ),
    BrokenRule(
        "owners count whatever the rule says",
        BILLING + "int_value_changes.sql",
        "known_rules.restate_ownership\n",
        "known_rules.restate_ownership is not null\n",
        "owners_recorded_after_the_close_count_from_when_the_rule_restates_them",
    ),
    BrokenRule(
        "a posted line names a rule that its period did not know",
        BILLING + "int_posting_rules.sql",
        "<= coalesce(periods.known_until_at, cast('9999-12-31' as timestamp))",
        "<= cast('9999-12-31' as timestamp)",
        "a_posted_line_keeps_the_rule_that_its_period_knew",
    ),
    BrokenRule(
        "a closed month is revalued with an average rate that came later",
        BILLING + "int_rated_buckets.sql",
        "and steps.prices_known_month < account_rates.known_until_month\n",
        "\n",
        "rated_euros_are_revalued_at_the_booked_rate",
    ),
    BrokenRule(
        "a meter without a price is left out of the sum",
        RATING + "int_meter_costs.sql",
        "when count(priced.meter) = count(priced.{{ purpose }}_cost_usd)",
        "when count(priced.{{ purpose }}_cost_usd) > 0",
        "meters_cost_units_times_the_price_of_their_own_quantity",
    ),
    BrokenRule(
        "a commitment still serves at the instant at which its term ends",
        RATING + "int_attempts_identified.sql",
        "and with_keys.deployment_id = pools.deployment_id\n"
        "            and with_keys.started_at >= pools.valid_from_at\n"
        "            and with_keys.started_at < pools.valid_until_at",
        "and with_keys.deployment_id = pools.deployment_id\n"
        "            and with_keys.started_at >= pools.valid_from_at\n"
        "            and with_keys.started_at <= pools.valid_until_at",
        "trap_12_a_call_is_committed_by_its_deployment_while_the_commitment_runs",
    ),
    BrokenRule(
        "the source farthest from the provider bears the cost",
        RATING + "int_chained_duplicates.sql",
        "order by requests.precedence, requests.attempt_id",
        "order by requests.precedence desc, requests.attempt_id",
        "of_several_records_of_one_response_only_the_source_nearest_the_provider_bears_the_cost",
    ),
    BrokenRule(
        "an owner keeps the application at the instant at which the next one takes over",
        RATING + "int_attempts_owned.sql",
        "attempts.started_at < application_owners.valid_until_at",
        "attempts.started_at <= application_owners.valid_until_at",
        "the_registry_owns_a_call_and_a_tag_speaks_only_for_what_it_does_not_know",
    ),
    BrokenRule(
        "the smallest share stands for an application",
        REQUESTS + "int_application_owners.sql",
        "ownership.share desc, ownership.party_id asc",
        "ownership.share asc, ownership.party_id asc",
        "the_largest_share_stands_for_the_application_and_a_tie_goes_to_the_smaller_id",
    ),
    BrokenRule(
        "contradicting copies are accepted",
        REQUESTS + "int_requests_resolved.sql",
        "then 'CONFLICT_DUP'",
        "and false then 'CONFLICT_DUP'",
        "payloads_of_an_immutable_source_that_differ_are_all_refused",
    ),
    BrokenRule(
        "cached tokens stay in the uncached ones",
        "macros/disjoint_tokens.sql",
        "- {{ tokens_if('is_cache_read_in_input', 'cache_read_tokens') }}\n",
        "\n",
        "cache_classes_are_taken_out_of_an_inclusive_prompt_once",
    ),
    BrokenRule(
        "the asked tier is priced, not the served one",
        STAGING,
        "coalesce(documents.usage_service_tier, documents.asked_service_tier)",
        "coalesce(documents.asked_service_tier, documents.usage_service_tier)",
        "trap_14_no_tier_is_on_demand_and_the_served_tier_goes_before_the_asked_one",
    ),
    BrokenRule(
        "every answered cache lookup counts as a hit",
        STAGING,
        "cache_hit, '') = 'True'",
        "cache_hit, '') <> 'False'",
        "trap_2_only_the_text_true_is_a_cache_hit_and_a_hit_names_no_response",
    ),
)


def renamed_macros(text: str, macros: list[str], suffix: str) -> str:
    """SQL that calls, or defines, these macros under other names."""
    return re.sub(rf"\b({'|'.join(macros)})\(", rf"\1{suffix}(", text)


def add_broken_model(project: Path, rule: BrokenRule, suffix: str) -> str:
    """Adds a copy of the model that breaks the rule, with no unit test but the rule's own.

    A rule in a macro is broken in a copy of its macros, which the copy of the model then calls.
    Returns the name of the copied unit test.
    """
    (tested,) = (
        path
        for path in project.glob("models/**/*.yml")
        if f"- name: {rule.unit_test}\n" in path.read_text()
    )
    model = tested.with_suffix(".sql")
    broken_text = (project / rule.file).read_text().replace(rule.text, rule.changed_text)
    if rule.file.startswith("macros/"):
        macros = re.findall(r"{%-? macro (\w+)\(", broken_text)
        broken_macros = (project / rule.file).with_stem(f"{Path(rule.file).stem}{suffix}")
        broken_macros.write_text(renamed_macros(broken_text, macros, suffix))
        broken_text = renamed_macros(model.read_text(), macros, suffix)
    model.with_stem(model.stem + suffix).write_text(broken_text)
    (unit_test,) = (
        unit_test
        for unit_test in yaml.safe_load(tested.read_text())["unit_tests"]
        if unit_test["name"] == rule.unit_test
    )
    unit_test |= {"name": rule.unit_test + suffix, "model": model.stem + suffix}
    tested.with_stem(tested.stem + suffix).write_text(yaml.safe_dump({"unit_tests": [unit_test]}))
    return unit_test["name"]


# One rule of each file, left whole: the copy itself breaks nothing.
UNBROKEN_RULES = tuple(
    replace(rule, name=f"unbroken: {rule.name}", changed_text=rule.text)
    for rule in {rule.file: rule for rule in BROKEN_RULES}.values()
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, sample_build: DbtRun) -> dict[str, str]:
    """Status of the unit test of each rule's copy, by the rule's name; dbt runs once for all."""
    folder = tmp_path_factory.mktemp("bite")
    project = copy_project(folder / "project")
    names = {
        rule.name: add_broken_model(project, rule, f"__broken_{number}")
        for number, rule in enumerate(BROKEN_RULES + UNBROKEN_RULES)
    }
    (folder / "workspace").mkdir()
    shutil.copy(sample_build.database, folder / "workspace" / "ai_finops.duckdb")
    with columns_asked_for_once():
        run = run_dbt(["test", "--select", *names.values()], folder / "workspace", project=project)
    assert run.error == "", run.error
    statuses = {unique_id.split(".")[3]: status for unique_id, status in run.statuses.items()}
    return {rule: statuses[name] for rule, name in names.items()}


def test_a_copy_that_breaks_nothing_passes(results: dict[str, str]) -> None:
    assert {results[rule.name] for rule in UNBROKEN_RULES} == {"pass"}


@pytest.mark.parametrize("rule", BROKEN_RULES, ids=lambda rule: rule.name.replace(" ", "_"))
def test_the_text_that_is_broken_stands_once_in_the_project(rule: BrokenRule) -> None:
    occurrences = (PROJECT / rule.file).read_text().count(rule.text)
    assert occurrences == 1


@pytest.mark.parametrize("rule", BROKEN_RULES, ids=lambda rule: rule.name.replace(" ", "_"))
def test_a_broken_rule_fails_its_unit_test(rule: BrokenRule, results: dict[str, str]) -> None:
    # 'error' would only say that the changed SQL does not run.
    assert results[rule.name] == "fail"
