//! How often what happens.

use mainstay::{host::TransportError, test_support::Survivors};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// Histories of `length` actions.
pub fn histories(length: usize) -> impl Strategy<Value = History> {
    (deployments(), vec(actions(), length)).prop_map(|(deployment, actions)| History { deployment, actions })
}

fn deployments() -> impl Strategy<Value = Deployment> {
    let asks = select(vec![Asks::WhoAmI, Asks::WhoAmI, Asks::WhoAmI, Asks::Userinfo, Asks::Protected, Asks::Nobody]);
    let life = select(vec![900, 3600]);
    let seldom = || prop::bool::weighted(0.25);
    (asks, seldom(), seldom(), prop::bool::weighted(0.75), seldom(), life).prop_map(
        |(asks, inherits, echoes, fresh_connections, provider, life)| {
            // Where nobody could ever be asked, a profile says what a token is taken for.
            let inherits = inherits || matches!(asks, Asks::Nobody | Asks::Protected);
            Deployment { asks, inherits, echoes, fresh_connections, provider, life }
        },
    )
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        10 => waits().prop_map(Action::Wait),
        14 => answers(),
        3 => Just(Action::Recovers),
        3 => select(vec![
            Upheaval::KeyChanged, Upheaval::KeyChanged, Upheaval::GrantsLost, Upheaval::Restored, Upheaval::NewTokensVoid
        ]).prop_map(Action::Server),
        14 => (people(), calls(), prop::bool::weighted(0.1))
            .prop_map(|(who, call, gives_up)| Action::App { who, call, gives_up }),
        4 => (people(), persons()).prop_map(|(who, act)| Action::Person { who, act }),
        4 => devices().prop_map(Action::Device),
    ]
}

/// The first of the device's two people is there more often.
fn people() -> impl Strategy<Value = u8> {
    select(vec![0, 0, 0, 1])
}

fn waits() -> impl Strategy<Value = Seconds> {
    prop_oneof![
        4 => 0..10_u64,
        6 => 10..120_u64,
        5 => 120..1200_u64,
        3 => 1200..7200_u64,
        1 => 7200..40_000_u64,
    ]
}

fn persons() -> impl Strategy<Value = Person> {
    let browser = select(vec![
        Browser::Right,
        Browser::Right,
        Browser::Right,
        Browser::Stranger,
        Browser::Cancels,
        Browser::WrongState,
        Browser::WrongIssuer,
        Browser::Slow(90),
        Browser::Slow(2000),
    ]);
    prop_oneof![
        5 => (prop::bool::weighted(0.6), browser).prop_map(|(fair, browser)| Person::SignsIn { fair, browser }),
        4 => Just(Person::TriesNow),
        2 => Just(Person::Dismisses),
        1 => Just(Person::SignsOut),
    ]
}

fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => Just(Call::Token),
        6 => any::<bool>().prop_map(|who_am_i| Call::Get { who_am_i }),
        2 => any::<bool>().prop_map(|key| Call::Post { key }),
        1 => (any::<bool>(), select(vec![0, 60, 1000, 100_000]))
            .prop_map(|(audience, least)| Call::For { audience, least }),
        4 => (any::<bool>(), 0..CHALLENGES.len() as u8)
            .prop_map(|(stale, challenge)| Call::Reports { stale, challenge }),
    ]
}

fn devices() -> impl Strategy<Value = Device> {
    let gap = || prop_oneof![4 => 0..60_u64, 1 => 60..100_000_u64, 1 => Just(40 * 24 * 3600)];
    prop_oneof![
        4 => any::<bool>().prop_map(Device::Network),
        2 => any::<bool>().prop_map(Device::DiskFull),
        3 => select(vec![KeyStore::Open, KeyStore::Locked, KeyStore::Unavailable, KeyStore::Slow])
            .prop_map(Device::KeyStore),
        1 => (-3_000_000..3_000_000_i64).prop_map(Device::Clock),
        4 => gap().prop_map(|gap| Device::Killed { gap }),
        4 => (0..24_u8, any::<bool>(), 0..2000_u64, select(Survivors::ALL.to_vec()), gap()).prop_map(
            |(changes, torn, within, survivors, gap)| Device::Power { changes, torn, within, survivors, gap }
        ),
        3 => any::<bool>().prop_map(Device::SecondProcess),
    ]
}

fn answers() -> impl Strategy<Value = Action> {
    let times = || prop::option::weighted(0.5, 1..4_u8);
    let of = |at: Place, what: BoxedStrategy<What>| {
        (times(), what, heads(), delays()).prop_map(move |(times, what, head, delay)| Action::Answer {
            at,
            times,
            recipe: Recipe { what, head, delay },
        })
    };
    prop_oneof![
        2 => of(Place::Discovery, discoveries().boxed()),
        2 => of(Place::Code, token_answers().boxed()),
        8 => of(Place::Refresh, token_answers().boxed()),
        6 => of(Place::Who, who_answers().boxed()),
        4 => of(Place::Api, api_answers().boxed()),
        1 => of(Place::Status, healths().boxed()),
        1 => of(Place::Revocation, api_answers().boxed()),
    ]
}

fn delays() -> impl Strategy<Value = Seconds> {
    prop_oneof![8 => Just(0), 2 => 1..29_u64, 1 => 31..4000_u64]
}

/// What every server may say.
fn anything() -> impl Strategy<Value = What> {
    let statuses = prop_oneof![
        3 => select(vec![200, 201, 204, 302, 400, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504]),
        1 => 100..600_u16,
    ];
    prop_oneof![
        3 => Just(What::Honest),
        6 => (statuses, bodies()).prop_map(|(status, body)| What::Raw { status, body }),
        1 => select(vec![TransportError::Unreachable, TransportError::Tls]).prop_map(What::Unsent),
        2 => (any::<bool>(), select(vec![Loss::Broken, Loss::TooLarge, Loss::Never]))
            .prop_map(|(acts, how)| What::Lost { acts, how }),
    ]
}

fn token_answers() -> impl Strategy<Value = What> {
    let codes = select(vec![
        "invalid_grant",
        "invalid_grant",
        "invalid_client",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_request",
        "server_error",
        "temporarily_unavailable",
        "slow_down",
        "use_dpop_nonce",
        "invalid_dpop_proof",
        "made_up",
    ]);
    let statuses = select(vec![400, 400, 400, 401, 403, 404, 200, 500, 503]);
    prop_oneof![
        4 => anything(),
        4 => (statuses, codes).prop_map(|(status, code)| What::Refusal { status, code }),
        4 => tokens().prop_map(What::Tokens),
    ]
}

fn tokens() -> impl Strategy<Value = Tokens> {
    use Owner as O;
    let owner = select(vec![O::Asker, O::Asker, O::Asker, O::Stranger, O::Neighbour]);
    let id_token = select(vec![
        IdToken::Absent,
        IdToken::Owner,
        IdToken::Owner,
        IdToken::Asker,
        IdToken::OtherSubject,
        IdToken::OtherIssuer,
        IdToken::OtherAudience,
        IdToken::NoSubject,
        IdToken::NumericSubject,
        IdToken::Unsigned,
        IdToken::Expired,
        IdToken::Garbage,
    ]);
    let often = Access::New;
    let access = select(vec![
        often,
        often,
        often,
        often,
        Access::Old,
        Access::Empty,
        Access::Absent,
        Access::NotAscii,
        Access::NotText,
    ]);
    let refresh = select(vec![Refresh::New, Refresh::New, Refresh::Absent, Refresh::Empty, Refresh::Old]);
    let expires_in = select(vec![
        None,
        Some("900"),
        Some("\"900\""),
        Some("0"),
        Some("1"),
        Some("-5"),
        Some("1e400"),
        Some("2147483648"),
        Some("1795200000"),
        Some("null"),
        Some("{}"),
        Some("899.9"),
    ]);
    let token_type = select(vec![Some("Bearer"), Some("bearer"), None, Some("DPoP"), Some("mac"), Some("")]);
    let plain = Shape::Plain;
    let shape = select(vec![
        plain,
        plain,
        plain,
        plain,
        plain,
        Shape::ByteOrderMark,
        Shape::DoubledToken,
        Shape::DeepExtra,
        Shape::HugeExtra,
        Shape::CutOff,
        Shape::ControlCharacters,
    ]);
    (owner, id_token, access, refresh, expires_in, token_type, shape).prop_map(
        |(owner, id_token, access, refresh, expires_in, token_type, shape)| Tokens {
            owner,
            id_token,
            access,
            refresh,
            expires_in,
            token_type,
            shape,
        },
    )
}

fn who_answers() -> impl Strategy<Value = What> {
    let names = select(vec![
        Name::Owner,
        Name::Stranger,
        Name::Nobody,
        Name::Empty,
        Name::Null,
        Name::Number,
        Name::Doubled,
        Name::List,
    ]);
    prop_oneof![4 => api_answers(), 3 => names.prop_map(What::Names)]
}

fn api_answers() -> impl Strategy<Value = What> {
    let by_rule = select(vec![
        What::Raw { status: 400, body: Body::TokenInvalid },
        What::Raw { status: 401, body: Body::SessionRevoked },
    ]);
    prop_oneof![4 => anything(), 4 => (0..CHALLENGES.len() as u8).prop_map(What::Challenge), 1 => by_rule]
}

fn discoveries() -> impl Strategy<Value = What> {
    let documents = select(vec![
        Metadata::TokensElsewhere,
        Metadata::NoUserinfo,
        Metadata::NoStatus,
        Metadata::OtherIssuer,
        Metadata::NoTokenEndpoint,
        Metadata::RelativeEndpoints,
    ]);
    prop_oneof![2 => anything(), 2 => documents.prop_map(What::Metadata)]
}

fn healths() -> impl Strategy<Value = What> {
    let healths = select(vec![Health::Ill, Health::IllAndSpread(600), Health::IllAndSpread(u32::MAX), Health::Odd]);
    prop_oneof![1 => anything(), 2 => healths.prop_map(What::Health)]
}

fn bodies() -> impl Strategy<Value = Body> {
    select(vec![
        Body::Empty,
        Body::Object,
        Body::Html,
        Body::TokenInvalid,
        Body::SessionRevoked,
        Body::CutOff,
        Body::Huge,
        Body::Deep,
        Body::NotUtf8,
        Body::ControlCharacters,
        Body::Doubled,
        Body::List,
        Body::Null,
        Body::Number,
    ])
}

fn heads() -> impl Strategy<Value = Head> {
    let seldom = |values: Vec<&'static str>| prop::option::weighted(0.15, select(values));
    let date = select(vec![
        Date::Right,
        Date::Right,
        Date::Right,
        Date::Absent,
        Date::Off(-200_000),
        Date::Off(900_000_000),
        Date::Garbage,
    ]);
    let retry_after = seldom(vec!["0", "5", "120", "600", "3600", "99999999999999999999999", "-1", "soon", "1.5"]);
    let age = prop::option::weighted(0.05, select(vec!["0", "1", "86400", "x"]));
    let content_type = select(vec![
        Some("application/json"),
        Some("application/json"),
        Some("text/html; charset=shift_jis"),
        Some("application/octet-stream"),
        None,
    ]);
    let spread = prop::option::weighted(0.05, select(vec!["0", "60", "86400", "99999999999", "-1", "x"]));
    let echo = prop_oneof![12 => Just(Echo::Owner), 1 => Just(Echo::Stranger), 1 => Just(Echo::Absent)];
    let known = (prop::bool::weighted(0.03), prop::bool::weighted(0.8));
    (date, retry_after, age, content_type, spread, echo, known).prop_map(
        |(date, retry_after, age, content_type, spread, echo, (from_cache, connection_known))| Head {
            date,
            retry_after,
            age,
            content_type,
            spread,
            echo,
            from_cache,
            connection_known,
        },
    )
}
