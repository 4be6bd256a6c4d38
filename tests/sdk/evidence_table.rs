//! Which test shows which row of the evidence table (DESIGN.md section 4): `docs/evidence.md`, held to the tests' names.

use std::path::Path;

/// What a server answers, what it means for us, and the tests that show it; the driver's first.
const ROWS: [(&str, &str, &[&str]); 18] = [
    (
        "RS 401 `invalid_token`",
        "an episode begins",
        &[
            "a_401_that_blames_the_token_begins_an_episode",
            "a_changed_secret_costs_one_refresh_and_no_prompt",
            "a_401_with_invalid_token_starts_an_episode",
        ],
    ),
    (
        "RS 401 without an error code",
        "weaker: rung 2 first",
        &[
            "a_401_that_blames_the_token_begins_an_episode",
            "a_gateway_that_says_no_for_three_minutes_costs_no_sign_in",
            "a_401_without_a_known_reason_is_weaker",
        ],
    ),
    (
        "RS 401 `use_dpop_nonce`, `invalid_dpop_proof`",
        "once more, with the nonce or by the server's time; the token is fine. A proof that is refused again is evidence",
        &[
            "a_server_that_wants_its_nonce_gets_it_once_more_and_the_token_is_fine",
            "a_proof_of_another_time_is_made_again_by_the_server_s_time",
            "a_proof_that_is_refused_twice_is_evidence",
            "a_proof_that_needs_a_nonce_or_a_time_is_no_rejection_of_the_token",
        ],
    ),
    (
        "RS 403, `insufficient_scope`",
        "the app's, never a session matter",
        &[
            "a_403_is_returned_to_the_app_and_never_a_session_matter",
            "a_403_never_accuses_a_token",
            "a_403_to_the_probe_says_nothing_about_the_token",
        ],
    ),
    (
        "RS 401 `insufficient_user_authentication`",
        "step-up: the app's; the session is fine",
        &["a_step_up_is_the_app_s_and_the_session_is_fine", "a_step_up_is_not_a_session_matter"],
    ),
    (
        "RS 401 for another audience",
        "that audience is degraded",
        &[
            "a_401_for_another_audience_degrades_that_audience_and_not_the_session",
            "a_refusal_for_another_audience_is_no_word_about_the_session",
        ],
    ),
    (
        "a legacy server's own words",
        "a profile rule makes them a rejection, never terminal and never foreign",
        &[
            "a_server_that_says_token_invalid_in_its_own_way_is_understood_by_a_rule",
            "no_word_makes_a_rule_terminal_or_foreign",
            "without_a_rule_only_a_401_accuses_a_token",
        ],
    ),
    (
        "AS `invalid_grant`",
        "the end of that refresh token in this episode only; the vault is read again first",
        &[
            "void_tokens_cost_at_most_one_prompt_and_nothing_the_app_keeps",
            "only_invalid_grant_in_a_refusal_says_anything_about_the_credential",
        ],
    ),
    (
        "AS `invalid_client` and its kin",
        "a configuration mistake: holding, alarm, discovery once more",
        &[
            "a_client_that_is_refused_is_a_configuration_mistake_and_nobody_s_fault",
            "a_wrong_set_up_is_never_the_users_fault",
        ],
    ),
    (
        "AS `invalid_scope`",
        "once more without `scope`",
        &[
            "a_refused_scope_is_left_out_and_the_session_renewed",
            "a_refused_scope_and_a_refused_proof_are_answers_of_their_own",
        ],
    ),
    (
        "AS 5xx, 429, timeout, DNS, TLS, a page, a redirect",
        "transient; credentials untouched",
        &[
            "a_refresh_that_finds_nobody_holds_a_rejected_session_and_paces_itself",
            "a_refresh_that_finds_nobody_keeps_an_expired_session_signed_in",
            "too_many_requests_means_wait_with_and_without_a_retry_after",
            "a_bad_answer_of_the_token_endpoint_changes_nothing",
        ],
    ),
    (
        "the same answer without a reason, six times in at least 30 minutes",
        "counts as `invalid_grant`",
        &[
            "a_refusal_without_a_reason_is_believed_after_half_an_hour_and_not_before",
            "a_no_without_a_reason_is_transient_and_can_be_counted",
        ],
    ),
    (
        "a token response out of a cache, or without a token",
        "malformed: refused, transient",
        &["a_bad_answer_of_the_token_endpoint_changes_nothing", "tokens_out_of_a_cache_are_refused"],
    ),
    (
        "another `sub`, `iss` or tenant: in a token response, a *who am I*, an echo; one token for two accounts",
        "quarantine, at once",
        &[
            "a_refresh_that_brings_somebody_else_is_refused_and_the_old_credentials_stay",
            "a_server_without_id_tokens_is_pinned_and_watched_by_who_am_i",
            "a_who_am_i_of_the_app_that_names_somebody_else_is_not_released",
            "an_answer_that_echoes_somebody_else_is_not_released",
            "a_body_that_echoes_somebody_else_is_not_released",
            "two_accounts_that_receive_the_same_token_are_both_held_back",
        ],
    ),
    (
        "another account of the device fails within 60 s; the signing key is gone from the JWKS",
        "points to the server",
        &[
            "a_surge_over_the_accounts_of_a_device_points_to_the_server",
            "a_signing_key_that_vanished_points_to_the_server",
        ],
    ),
    (
        "a fresh token is rejected; one node says no and another yes",
        "holding: new credentials would not help",
        &[
            "a_new_token_that_is_rejected_too_is_replayed_once_and_then_held",
            "three_flaps_in_ten_minutes_hold_and_the_token_stays_in_use",
        ],
    ),
    (
        "only this account fails while another succeeds; an explicit \"session revoked\"",
        "points to this account",
        &[
            "one_account_that_fails_beside_one_that_sells_points_to_that_account",
            "after_an_explicit_revocation_a_person_is_asked_and_no_device_key_is_used",
        ],
    ),
    (
        "a kept token that is good again; a server whose clock is another",
        "the episode ends by itself; the offset is learned, and is a warning only",
        &[
            "a_hotfix_that_accepts_old_tokens_again_ends_the_prompt_by_itself",
            "a_refresh_token_that_was_refused_is_presented_again_once_an_hour_at_most",
            "a_wrong_device_clock_hinders_no_sign_in_and_no_refresh",
        ],
    ),
];

fn page() -> String {
    let mut page = String::from(
        "# Evidence, and the tests that show it\n\nWhat a server can answer, what Mainstay makes of it (DESIGN.md section 4), and which tests show that. Written from the \
         table in\n`tests/sdk/evidence_table.rs` with `MAINSTAY_UPDATE_EVIDENCE=1 cargo test --test sdk evidence_table`; a test that is named here and is \
         not there is a\nfailure.\n\n| answer | meaning | tests |\n|---|---|---|\n",
    );
    for (answer, meaning, tests) in ROWS {
        let tests: Vec<_> = tests.iter().map(|test| format!("`{test}`")).collect();
        page.push_str(&format!("| {answer} | {meaning} | {} |\n", tests.join(", ")));
    }
    page
}

/// The text of every Rust file below a folder.
pub fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Tests that are named in the table and do not exist.
pub fn missing<'a>(tests: impl Iterator<Item = &'a str>, sources: &str) -> Vec<&'a str> {
    tests.filter(|test| !sources.contains(&format!("fn {test}("))).collect()
}

#[test]
fn every_row_of_the_evidence_table_has_tests_that_exist_and_the_page_names_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["tests", "src", "core/src"] {
        sources(&root.join(folder), &mut text);
    }
    let named = ROWS.iter().flat_map(|(.., tests)| tests.iter().copied());
    assert_eq!(missing(named, &text), [""; 0]);
    assert!(ROWS.iter().all(|(.., tests)| !tests.is_empty()));
    // The negative control.
    let planted = concat!("a_test_that_", "nobody_wrote");
    assert_eq!(missing([planted].into_iter(), &text), [planted]);

    let path = root.join("docs/evidence.md");
    if std::env::var_os("MAINSTAY_UPDATE_EVIDENCE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let hint = "MAINSTAY_UPDATE_EVIDENCE=1 cargo test --test sdk evidence_table writes it anew";
    assert!(std::fs::read_to_string(&path).unwrap_or_default() == page(), "docs/evidence.md: {hint}");
}
