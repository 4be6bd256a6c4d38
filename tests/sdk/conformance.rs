//! What the OpenID Foundation asks of a relying party, and which test shows that it is so: `docs/conformance-rp.md`, held to
//! the tests' names.

use std::path::Path;

use crate::evidence_table::{missing, sources};

/// What becomes of a case.
enum Case {
    /// It applies, and these tests show it; the driver's first.
    Shown(&'static [&'static str]),
    /// It asks for something that Mainstay does not do, and why.
    Not(&'static str),
}

use Case::{Not, Shown};

/// The cases in our own words, and what a client has to do.
const CASES: &[(&str, &str, Case)] = &[
    (
        "Code flow: sign in and read who it is",
        "the person of the ID token is signed in",
        Shown(&[
            "an_id_token_that_the_server_vouches_for_is_believed",
            "a_sign_in_asks_nobody_else_if_its_id_token_is_proven",
            "a_session_lives_from_sign_in_to_sign_out",
        ]),
    ),
    (
        "ID token: `iss` is another, or absent",
        "refused",
        Shown(&[
            "an_id_token_of_another_issuer_signs_nobody_in",
            "a_renewal_that_names_another_issuer_or_client_is_somebody_elses",
            "another_issuer_is_refused",
        ]),
    ),
    (
        "ID token: `sub` is absent",
        "refused",
        Shown(&["an_id_token_without_a_subject_signs_nobody_in", "a_token_without_a_subject_is_refused"]),
    ),
    (
        "ID token: `aud` is another or absent; `azp` is another",
        "refused",
        Shown(&["an_id_token_for_another_client_signs_nobody_in", "a_token_for_another_client_is_refused"]),
    ),
    (
        "ID token: `iat` or `exp` is absent, has passed, or lies in the future",
        "refused",
        Shown(&[
            "an_id_token_without_times_or_of_another_time_signs_nobody_in",
            "times_are_lenient_and_count_by_the_servers_clock",
            "a_token_without_times_is_malformed",
        ]),
    ),
    (
        "ID token: `nonce` is another, or absent although one was sent",
        "refused",
        Shown(&["an_id_token_of_another_sign_in_signs_nobody_in", "a_token_of_another_sign_in_is_refused"]),
    ),
    (
        "ID token: `auth_time` is older than `max_age`, or absent",
        "refused",
        Shown(&["a_sign_in_that_is_older_than_asked_for_is_refused"]),
    ),
    (
        "ID token: `at_hash` is another access token's",
        "refused",
        Shown(&[
            "an_access_token_that_was_swapped_signs_nobody_in",
            "a_token_that_came_with_another_access_token_is_refused",
        ]),
    ),
    (
        "Signature `RS256`, `PS256`, `ES256`, `EdDSA` that is right",
        "believed",
        Shown(&["the_signatures_of_the_standards_are_right"]),
    ),
    (
        "Signature that is wrong",
        "refused",
        Shown(&[
            "a_signature_that_is_not_the_server_s_signs_nobody_in",
            "a_renewal_with_a_forged_signature_is_refused_and_destroys_nothing",
            "one_bit_makes_a_signature_wrong",
        ]),
    ),
    (
        "Not signed: `alg` is `none`",
        "refused (a client may believe it in the code flow; this one does not)",
        Shown(&["an_unsigned_id_token_signs_nobody_in", "an_unsigned_token_is_refused"]),
    ),
    (
        "`HS256`, made with the public key",
        "refused, as is every shared secret",
        Shown(&[
            "an_unsigned_id_token_signs_nobody_in",
            "a_public_key_is_no_shared_secret_and_no_signature_is_none",
            "a_token_signed_with_a_shared_secret_is_refused",
        ]),
    ),
    (
        "`alg` of another type of key than the one that is named; a key that is not for signatures",
        "refused",
        Shown(&["an_algorithm_that_is_not_the_key_s_signs_nobody_in", "an_algorithm_belongs_to_its_type_of_key"]),
    ),
    (
        "`kid` absent, one key or several",
        "believed if a key of the server's fits",
        Shown(&["a_token_that_names_no_key_is_compared_with_every_key", "the_key_is_found_by_its_name"]),
    ),
    (
        "Keys rotated: the ID token names a key that is new",
        "the keys are read again, and it is believed",
        Shown(&["a_key_that_is_new_is_read_once_and_believed"]),
    ),
    (
        "`kid` that the server does not publish",
        "the keys are read once a minute at most; the token proves nothing, and the server is asked who it is",
        Shown(&["a_key_that_nobody_knows_costs_one_reading_a_minute"]),
    ),
    (
        "Keys that cannot be read",
        "nobody is signed out; the server is asked who it is",
        Shown(&[
            "keys_that_cannot_be_had_sign_nobody_out",
            "keys_that_are_slow_delay_a_sign_in_by_seconds",
            "without_keys_and_without_a_probe_tls_vouches_for_the_token_endpoint",
        ]),
    ),
    (
        "Keys too weak, too large, private, of one name",
        "such a key proves nothing",
        Shown(&[
            "keys_that_are_too_weak_too_large_or_no_keys_prove_nothing",
            "a_flood_of_keys_costs_eight_comparisons",
            "deep_and_odd_sets_are_refused_or_harmless",
        ]),
    ),
    (
        "Userinfo: `sub` is not that of the ID token",
        "refused",
        Shown(&[
            "a_who_am_i_that_contradicts_an_unproven_id_token_signs_nobody_in",
            "a_who_am_i_of_the_app_that_names_somebody_else_is_not_released",
        ]),
    ),
    (
        "Userinfo: the access token in the `Authorization` header",
        "sent there, and nowhere else",
        Shown(&["a_session_lives_from_sign_in_to_sign_out"]),
    ),
    (
        "Refresh: an ID token of another person",
        "refused, and nothing of theirs is kept",
        Shown(&["a_refresh_that_brings_somebody_else_is_refused_and_the_old_credentials_stay"]),
    ),
    (
        "Refresh: no ID token, or one that is merely wrong",
        "lawful; the server is asked who it is",
        Shown(&[
            "a_renewal_whose_id_token_is_merely_wrong_is_left_to_the_probe",
            "a_token_that_the_probe_calls_somebody_elses_is_destroyed",
        ]),
    ),
    (
        "Discovery: the document names another issuer",
        "refused",
        Shown(&["the_issuer_must_match_character_by_character"]),
    ),
    (
        "The answer of the browser: another `state`, another `iss`, an error",
        "refused",
        Shown(&[
            "an_answer_of_another_server_is_refused",
            "a_callback_with_another_state_or_address_is_ignored",
            "a_refusal_with_another_state_cannot_end_the_sign_in",
        ]),
    ),
    (
        "Implicit and hybrid flow, `c_hash`, fragments",
        "",
        Not("OAuth 2.1 has no such flows; the code flow with PKCE is used"),
    ),
    ("`form_post`, request objects, signed or encrypted answers", "", Not("optional, and not implemented")),
    ("Dynamic registration, WebFinger", "", Not("an app is registered once, by its developer")),
    ("Encrypted ID tokens", "", Not("optional; an app asks for none at its registration")),
    ("Front-channel and back-channel logout", "", Not("for web applications with a server of their own")),
];

fn page() -> String {
    let mut page = String::from(
        "# Relying party: the OpenID Foundation's cases\n\nWhat the Foundation's conformance tests ask of a client, in our own words, and which of our tests show it. This is no \
         certification. Written\nfrom the table in `tests/sdk/conformance.rs` with `MAINSTAY_UPDATE_CONFORMANCE=1 cargo test --test sdk conformance`; a test that is named here and \
         is\nnot there is a failure, and so is one that does not pass.\n\nAt a sign-in everything has to be right: trying again costs nothing that is kept. A renewal may have spent the only \
         refresh token, so what is merely\nwrong there (a clock, an absent claim) leaves the question to userinfo or *who am I*, and only what is forged is refused.\n\n\
         | case | what becomes of it | tests |\n|---|---|---|\n",
    );
    for (case, becomes, shown) in CASES {
        match shown {
            Shown(tests) => {
                let tests: Vec<_> = tests.iter().map(|test| format!("`{test}`")).collect();
                page.push_str(&format!("| {case} | {becomes} | {} |\n", tests.join(", ")));
            }
            Not(why) => page.push_str(&format!("| {case} | does not apply: {why} | |\n")),
        }
    }
    page
}

#[test]
fn every_case_of_the_conformance_table_has_tests_that_exist_and_the_page_names_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["tests", "src"] {
        sources(&root.join(folder), &mut text);
    }
    let named = CASES.iter().flat_map(|(.., case)| match case {
        Shown(tests) => *tests,
        Not(_) => &[],
    });
    assert_eq!(missing(named.copied(), &text), [""; 0]);
    // The negative control.
    let planted = concat!("a_case_that_", "nobody_shows");
    assert_eq!(missing([planted].into_iter(), &text), [planted]);

    let path = root.join("docs/conformance-rp.md");
    if std::env::var_os("MAINSTAY_UPDATE_CONFORMANCE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let hint = "MAINSTAY_UPDATE_CONFORMANCE=1 cargo test --test sdk conformance writes it anew";
    assert!(std::fs::read_to_string(&path).unwrap_or_default() == page(), "docs/conformance-rp.md: {hint}");
}
