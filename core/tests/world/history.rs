//! A history: what servers, people, clocks, disks and other processes do to a device, one action after another.

use mainstay_core::{ForeignBy, IdentityProof, LockReason, Policy, RejectionClass, Signal, SignedOutReason};
use proptest::{collection::vec, prelude::*, sample::select};

/// What happens on one device.
#[derive(Clone, Debug)]
pub struct History {
    pub policy: Policy,
    pub tokens: Tokens,
    pub actions: Vec<(Account, Action)>,
}

/// One of the device's two accounts at the same issuer.
pub type Account = usize;
pub const ACCOUNTS: usize = 2;

/// What the authorization server's tokens are like.
#[derive(Clone, Copy, Debug)]
pub struct Tokens {
    /// What a refresh proves about whose they are.
    pub proof: IdentityProof,
    /// Seconds; `None` where the server gives no access token at first.
    pub life: Option<u32>,
    pub has_refresh_token: bool,
}

/// Milliseconds.
pub type Millis = u64;

#[derive(Clone, Copy, Debug)]
pub enum Action {
    Wait(Millis),
    /// The app makes calls, a second apart.
    Calls {
        calls: u8,
        connection_known: bool,
    },
    /// A resource server says "no" in one particular way.
    Rejected {
        class: RejectionClass,
        own_audience: bool,
        older: bool,
    },
    /// An old answer arrives late: 2xx for the generation before.
    AcceptedLate,
    RenewEarly,
    /// The app gets a token for another audience.
    AnotherAudience,
    AuthorizationServer(Token),
    ResourceServer(Resource),
    Server(Upheaval),
    Person(Person),
    OtherProcess(Other),
    Host(Host),
    Status {
        healthy: Option<bool>,
        spread: Option<u32>,
    },
    Signal(Signal),
    Echo(ForeignBy),
    Crash(Crash),
}

/// How the authorization server answers from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Well,
    Refuses {
        revoked: bool,
    },
    Down {
        retry_after: Option<u32>,
    },
    /// It acts, and the answer never arrives.
    Loses,
    Hangs,
    Unreasoned,
    Misconfigured {
        rediscovery_helps: bool,
    },
    RefusesScopes {
        all: bool,
    },
    Malformed,
    Cached,
    /// Its answers name somebody else.
    NamesAnother,
    /// It hands out somebody else's tokens and names nobody.
    MixesUp,
    Anything,
}

/// How resource servers answer from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    Well,
    RejectsEverything(RejectionClass),
    /// Only tokens that existed when this began.
    RejectsOld,
    /// Only tokens that are issued from now on.
    RejectsNew,
    /// Calls are rejected, the probe is not.
    RejectsCallsOnly,
    Flaps,
    Silent,
    /// The probe names somebody else.
    NamesAnother,
    Forbids,
    Anything,
}

/// What happens to the server's memory.
#[derive(Clone, Copy, Debug)]
pub enum Upheaval {
    GrantsLost,
    GrantsRestored,
}

#[derive(Clone, Copy, Debug)]
pub enum Person {
    SignsIn(IdentityProof),
    Taps,
    SignsOut(SignedOutReason),
}

#[derive(Clone, Copy, Debug)]
pub enum Other {
    /// Another process renews; this one hears of it now, or only when it looks.
    Renews {
        heard: bool,
    },
    SignsOut,
    FindsForeign,
}

#[derive(Clone, Copy, Debug)]
pub enum Host {
    Network(bool),
    Disk { full: bool },
    Lock { held: bool },
    DeviceKey(bool),
}

/// The process dies, and starts again after `gap`.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    /// Dies in the middle of the next step, after so many of its effects.
    pub in_step: Option<u8>,
    pub gap: Millis,
    /// How far the clock is off afterwards. Zero: the gap is certain.
    pub jump: i64,
    pub vault: Vault,
}

/// So many bad reads never end: only moving the vault aside helps.
pub const FOR_GOOD: u8 = u8::MAX;

/// What the vault is like at the next start.
#[derive(Clone, Copy, Debug)]
pub enum Vault {
    Fine,
    WithoutSnapshot,
    Locked { times: u8, reason: LockReason },
    Unreadable { times: u8 },
    Hangs,
}

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Histories of `events` actions.
pub fn histories(events: usize) -> impl Strategy<Value = History> {
    (policies(), tokens(), vec((0..ACCOUNTS, actions()), events)).prop_map(|(policy, mut tokens, mut actions)| {
        if !policy.can_probe {
            // Where nothing could ever be verified, a profile says what a token is taken for.
            tokens.proof = taken_for(tokens.proof, IdentityProof::Inherited);
            for (_, action) in &mut actions {
                if let Action::Person(Person::SignsIn(proof)) = action {
                    *proof = taken_for(*proof, IdentityProof::Unpinned);
                }
            }
        }
        History { policy, tokens, actions }
    })
}

fn taken_for(proof: IdentityProof, without: IdentityProof) -> IdentityProof {
    if proof == IdentityProof::Unverified { without } else { proof }
}

fn policies() -> impl Strategy<Value = Policy> {
    let often = || prop::bool::weighted(0.75);
    (often(), often(), any::<bool>(), any::<bool>()).prop_map(
        |(can_probe, fresh_connections, can_reauthenticate, has_status)| Policy {
            can_probe,
            fresh_connections,
            can_reauthenticate,
            has_status,
        },
    )
}

fn tokens() -> impl Strategy<Value = Tokens> {
    let life = select(vec![Some(3600), Some(0), Some(1), Some(60), Some(900), Some(86_400), Some(u32::MAX), None]);
    (proofs(), life, prop::bool::weighted(0.85)).prop_map(|(proof, life, has_refresh_token)| Tokens {
        proof,
        life,
        has_refresh_token,
    })
}

fn proofs() -> impl Strategy<Value = IdentityProof> {
    use IdentityProof as I;
    select(vec![I::Verified, I::Verified, I::Unverified, I::Inherited, I::Unpinned])
}

fn spans() -> impl Strategy<Value = Millis> {
    prop_oneof![
        6 => SECOND..10 * SECOND,
        6 => 10 * SECOND..2 * MINUTE,
        4 => 2 * MINUTE..20 * MINUTE,
        2 => 20 * MINUTE..3 * HOUR,
        1 => 3 * HOUR..2 * DAY,
    ]
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => spans().prop_map(Action::Wait),
        12 => (1..6_u8, any::<bool>()).prop_map(|(calls, connection_known)| Action::Calls { calls, connection_known }),
        3 => (classes(), any::<bool>(), any::<bool>())
            .prop_map(|(class, own_audience, older)| Action::Rejected { class, own_audience, older }),
        1 => Just(Action::AcceptedLate),
        1 => Just(Action::RenewEarly),
        1 => Just(Action::AnotherAudience),
        7 => token_moods().prop_map(Action::AuthorizationServer),
        7 => resource_moods().prop_map(Action::ResourceServer),
        2 => select(vec![Upheaval::GrantsLost, Upheaval::GrantsRestored]).prop_map(Action::Server),
        5 => people().prop_map(Action::Person),
        2 => others().prop_map(Action::OtherProcess),
        3 => hosts().prop_map(Action::Host),
        2 => (any::<Option<bool>>(), prop::option::weighted(0.3, select(vec![0, 20, 600, 7200, u32::MAX])))
            .prop_map(|(healthy, spread)| Action::Status { healthy, spread }),
        1 => select(vec![Signal::NeighbourRejected, Signal::NeighbourAccepted, Signal::KeyVanished])
            .prop_map(Action::Signal),
        1 => select(vec![ForeignBy::IdentityEcho, ForeignBy::SharedToken]).prop_map(Action::Echo),
        3 => crashes().prop_map(Action::Crash),
    ]
}

fn classes() -> impl Strategy<Value = RejectionClass> {
    use RejectionClass as R;
    select(vec![
        R::InvalidToken,
        R::Unauthorized,
        R::Legacy,
        R::SessionRevoked,
        R::UseDpopNonce,
        R::InvalidDpopProof,
        R::Forbidden,
        R::StepUp,
    ])
}

fn token_moods() -> impl Strategy<Value = Token> {
    prop_oneof![
        8 => Just(Token::Well),
        3 => prop::bool::weighted(0.2).prop_map(|revoked| Token::Refuses { revoked }),
        3 => prop::option::of(select(vec![0, 5, 120, 3600, 1_000_000]))
            .prop_map(|retry_after| Token::Down { retry_after }),
        1 => Just(Token::Loses),
        1 => Just(Token::Hangs),
        2 => Just(Token::Unreasoned),
        2 => any::<bool>().prop_map(|rediscovery_helps| Token::Misconfigured { rediscovery_helps }),
        1 => any::<bool>().prop_map(|all| Token::RefusesScopes { all }),
        1 => Just(Token::Malformed),
        1 => Just(Token::Cached),
        1 => Just(Token::NamesAnother),
        1 => Just(Token::MixesUp),
        2 => Just(Token::Anything),
    ]
}

fn resource_moods() -> impl Strategy<Value = Resource> {
    prop_oneof![
        8 => Just(Resource::Well),
        2 => classes().prop_map(Resource::RejectsEverything),
        3 => Just(Resource::RejectsOld),
        2 => Just(Resource::RejectsNew),
        2 => Just(Resource::RejectsCallsOnly),
        2 => Just(Resource::Flaps),
        2 => Just(Resource::Silent),
        1 => Just(Resource::NamesAnother),
        1 => Just(Resource::Forbids),
        2 => Just(Resource::Anything),
    ]
}

fn people() -> impl Strategy<Value = Person> {
    use SignedOutReason as S;
    prop_oneof![
        5 => proofs().prop_map(Person::SignsIn),
        4 => Just(Person::Taps),
        1 => select(vec![S::User, S::App, S::AccountRemoved, S::Reset]).prop_map(Person::SignsOut),
    ]
}

fn others() -> impl Strategy<Value = Other> {
    prop_oneof![
        6 => any::<bool>().prop_map(|heard| Other::Renews { heard }),
        1 => Just(Other::SignsOut),
        1 => Just(Other::FindsForeign),
    ]
}

fn hosts() -> impl Strategy<Value = Host> {
    prop_oneof![
        4 => any::<bool>().prop_map(Host::Network),
        1 => any::<bool>().prop_map(|full| Host::Disk { full }),
        1 => any::<bool>().prop_map(|held| Host::Lock { held }),
        1 => any::<bool>().prop_map(Host::DeviceKey),
    ]
}

fn crashes() -> impl Strategy<Value = Crash> {
    use LockReason as L;
    let vault = prop_oneof![
        8 => Just(Vault::Fine),
        1 => Just(Vault::WithoutSnapshot),
        2 => (1..8_u8, select(vec![L::KeyStoreLocked, L::DeviceLocked, L::NoAccess, L::TooNew]))
            .prop_map(|(times, reason)| Vault::Locked { times, reason }),
        2 => (1..5_u8).prop_map(|times| Vault::Unreadable { times }),
        1 => Just(Vault::Hangs),
    ];
    let gap = prop_oneof![6 => spans(), 1 => DAY..40 * DAY];
    let jump = prop_oneof![5 => Just(0), 1 => -3_000_000_000..3_000_000_000_i64, 1 => -100_000..100_000_i64];
    (prop::option::of(0..6_u8), gap, jump, vault).prop_map(|(in_step, gap, jump, vault)| Crash {
        in_step,
        gap,
        jump,
        vault,
    })
}
