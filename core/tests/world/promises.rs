//! The promises of DESIGN.md section 1, each a function that looks at one step and says what is wrong with it.

use std::time::Duration;

use mainstay_core::{
    Answer, Effect, Event, Generation, HoldCause, IdentityProof, Next, NextStep, Opened, Permission, State, Target,
    pacing::CALLS_PER_HOUR,
};

use super::{Account, issuer::Issuer, step::Step, vault::permission_of};

/// A promise by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    P1,
    P2,
    P3,
    P4,
    P5,
    P7,
    P9,
    P12,
    P13,
}

/// A promise that was broken, and how.
#[derive(Clone, Debug)]
pub struct Broken {
    pub promise: Promise,
    pub how: String,
}

type Verdict = Result<(), String>;

/// Everything that one step can break. P1 and the second half of P12 need more than a step: see `World::finish`.
pub fn check(step: &Step, account: &Account) -> Result<(), Broken> {
    use Promise as P;
    let by = |promise| move |how| Broken { promise, how };
    p2_a_no_destroys_nothing(step, account).map_err(by(P::P2))?;
    p3_only_a_sign_out_ends_a_session(step).map_err(by(P::P3))?;
    p4_trouble_shows_no_sign_in_screen(step, account).map_err(by(P::P4))?;
    p5_tokens_only_under_their_identity(step, account).map_err(by(P::P5))?;
    p9_one_prompt_per_episode(step, account).map_err(by(P::P9))?;
    p12_everything_has_a_timed_way_out(step).map_err(by(P::P12))?;
    p12_what_is_said_happens(step).map_err(by(P::P12))?;
    p13_a_person_can_always_sign_in(step).map_err(by(P::P13))
}

/// What follows from what was really sent.
pub fn check_load(effects: &[Effect], account: &Account, issuer: &Issuer) -> Result<(), Broken> {
    p7_load_is_bounded(effects, account, issuer).map_err(|how| Broken { promise: Promise::P7, how })
}

/// P2: credential bytes are destroyed only by sign-out, account removal or reset; by 30 days in SignInRequired; because
/// they are foreign, but never the last ones, of which nobody can be certain; or after their successor was durably stored and then accepted.
fn p2_a_no_destroys_nothing(step: &Step, account: &Account) -> Verdict {
    let destroyed = step.effects.iter().filter_map(|effect| match *effect {
        Effect::Destroy { target, allowed_by } => Some((target, allowed_by)),
        _ => None,
    });
    for (target, allowed_by) in destroyed {
        let allowed = match (target, allowed_by) {
            (Target::Everything, _) => match step.event {
                Event::SignOut(reason) => permission_of(*reason) == Some(allowed_by),
                _ => false,
            },
            (Target::KeptCredentials, Permission::Limit) => {
                let waited = account.ledger.memories.person_needed_since.map(|since| step.real - since);
                waited.is_some_and(|waited| waited >= 30 * 24 * 3_600_000)
            }
            (Target::Generation(generation), Permission::Foreign) => {
                let number = generation.number();
                let token = account.ledger.token(number);
                let named = account.ledger.disowned.contains(&token) && !account.ledger.vouched.contains(&token);
                let last = account.vault.generations.keys().eq([&number]);
                named && !last && account.ledger.issued[&number].identity == IdentityProof::Unverified
            }
            (Target::Before(generation), Permission::Superseded) => {
                let number = generation.number();
                let accepted = account.ledger.accepted.contains(&account.ledger.token(number));
                account.vault.generations.contains_key(&number) && accepted
            }
            _ => false,
        };
        if !allowed {
            return Err(format!("{target:?} was destroyed, allegedly by {allowed_by:?}"));
        }
    }
    Ok(())
}

/// P3: a session ends only by the user's or the app's sign-out.
fn p3_only_a_sign_out_ends_a_session(step: &Step) -> Verdict {
    let asked = matches!(step.event, Event::SignOut(_) | Event::VaultOpened(Opened::Empty | Opened::SignedOut(_)));
    match (step.before.state, step.after.state) {
        (State::SignedOut { .. }, _) => Ok(()),
        (before, State::SignedOut { reason }) if !asked => {
            Err(format!("{} ended as {reason:?}, and nobody asked for it", before.name()))
        }
        _ => Ok(()),
    }
}

/// P4: network failures, 5xx, 429, 403, timeouts, a locked key store, a wrong clock or a full disk never show a sign-in
/// screen. What does: nothing is left that could renew the session without a person, and the access token is of no use.
fn p4_trouble_shows_no_sign_in_screen(step: &Step, account: &Account) -> Verdict {
    let entered = !matches!(step.before.state, State::SignInRequired { .. })
        && matches!(step.after.state, State::SignInRequired { .. });
    if !entered {
        return Ok(());
    }
    let ledger = &account.ledger;
    let excused = match step.event {
        Event::VaultOpened(Opened::Locked(_) | Opened::Unreadable) => {
            return Err("a vault that cannot be read now shows a sign-in screen".into());
        }
        Event::VaultOpened(Opened::MovedAside | Opened::NothingKept) => true,
        // It was so before the restart.
        Event::VaultOpened(Opened::Value(_)) => account.stored.person_needed_since.is_some(),
        // Nothing is left by which the pinned identity could be proven.
        _ => matches!(step.before.state, State::Quarantined { .. }),
    };
    let Some(number) = step.after.generation.map(Generation::number).filter(|_| !excused) else { return Ok(()) };
    let issued = ledger.issued[&number];
    if issued.has_refresh_token && !ledger.refused.contains(&number) && !account.spent.contains(&number) {
        return Err(format!("the refresh token of generation {number} was never refused"));
    }
    let able = step.policy.can_reauthenticate && issued.identity != IdentityProof::Unpinned;
    if able && !ledger.memories.revoked && !ledger.memories.reauthentication_refused {
        return Err("silent re-authentication was never refused".into());
    }
    let expired = issued.expires_at.is_none_or(|at| at <= step.now);
    if !expired && !ledger.rejected.contains(&ledger.token(number)) {
        return Err(format!("the access token of generation {number} is good"));
    }
    Ok(())
}

/// P5: tokens are handed out only under the identity they were pinned to, and a rejected one not until it is accepted.
fn p5_tokens_only_under_their_identity(step: &Step, account: &Account) -> Verdict {
    let Answer::Token(generation) = step.after.answer else { return Ok(()) };
    let (number, ledger) = (generation.number(), &account.ledger);
    let (issued, token) = (ledger.issued[&number], ledger.token(number));
    let vouched = ledger.proven.contains(&token);
    let flapping = matches!(step.after.state, State::Holding { cause: HoldCause::Flapping, .. });
    if issued.identity == IdentityProof::Unverified && !vouched {
        return Err(format!("generation {number} is handed out, and nobody vouched for it"));
    }
    if issued.foreign && !vouched {
        return Err(format!("generation {number} is somebody else's"));
    }
    if ledger.withheld.contains(&token) && !flapping {
        return Err(format!("the rejected access token of generation {number} is handed out"));
    }
    Ok(())
}

/// Most automatic probes in an hour that are not about new credentials.
const PROBES_PER_HOUR: usize = 60;
/// Most automatic token requests of one account in an hour, counted or not: tokens that live for half a minute.
const RENEWALS_PER_HOUR: usize = 200;

/// P7: the load is bounded for every server behaviour. After a first failure and inside an episode, automatic calls to
/// the authorization server are 20 s apart, but for the second of a gathering, and 12 an hour, over all accounts; they
/// obey `Retry-After`; and the first one after a rejection waits a random time.
fn p7_load_is_bounded(effects: &[Effect], account: &Account, issuer: &Issuer) -> Verdict {
    let ledger = &account.ledger;
    if let Some(gap) = issuer.too_soon {
        return Err(format!("a call {gap:?} after the one before, and not the second of a gathering"));
    }
    if issuer.called_while_paused {
        return Err("a call before the time that the server asked for with `Retry-After`".into());
    }
    if ledger.called_without_spread {
        return Err("the first automatic call of an episode came without its random wait".into());
    }
    if issuer.counted.len() > CALLS_PER_HOUR {
        return Err(format!("{} counted calls in an hour", issuer.counted.len()));
    }
    if ledger.calls.len() > RENEWALS_PER_HOUR {
        return Err(format!("{} token requests in an hour", ledger.calls.len()));
    }
    let allowed = PROBES_PER_HOUR + 2 * ledger.arrivals.len();
    if ledger.probes.len() > allowed {
        let arrivals = ledger.arrivals.len();
        return Err(format!("{} probes in an hour with {arrivals} new credentials", ledger.probes.len()));
    }
    let requests = effects.iter().filter(|effect| is_request(effect)).count();
    if requests > 1 { Err(format!("{requests} requests at once")) } else { Ok(()) }
}

fn is_request(effect: &Effect) -> bool {
    use Effect as E;
    matches!(effect, E::Probe { .. } | E::Refresh { .. } | E::Reauthenticate { .. } | E::Rediscover { .. })
}

/// P9: at most one prompt per account and episode, none while holding; and it goes when it is no longer needed.
fn p9_one_prompt_per_episode(step: &Step, account: &Account) -> Verdict {
    let prompts = step.effects.iter().filter(|effect| matches!(effect, Effect::Prompt { .. })).count();
    let needed = |state| matches!(state, State::SignInRequired { .. });
    if prompts > 0 && !needed(step.after.state) {
        return Err(format!("a prompt in {}", step.after.state.name()));
    }
    let total = account.ledger.prompts as usize + prompts;
    if prompts > 0 && total > 1 {
        return Err(format!("{total} prompts in one episode"));
    }
    let withdrawn = step.effects.contains(&Effect::WithdrawPrompt);
    if needed(step.before.state) && !needed(step.after.state) && !withdrawn {
        return Err("a prompt that is no longer needed stays".into());
    }
    Ok(())
}

/// P12: every state that is not final has a timed way out. Here: something is due, and before long.
fn p12_everything_has_a_timed_way_out(step: &Step) -> Verdict {
    let longest = Duration::from_secs(30 * 3600);
    match (step.after.state, step.after.wake_at) {
        (State::SignedOut { .. }, None) => Ok(()),
        (State::SignedOut { .. }, Some(_)) => Err("something is planned for nobody".into()),
        (State::SignInRequired { .. }, None) if step.after.generation.is_none() => Ok(()),
        (state, None) => Err(format!("{} waits for nothing", state.name())),
        (state, Some(at)) if at.since(step.now) > longest => {
            Err(format!("{} waits for {:?}", state.name(), at.since(step.now)))
        }
        _ => Ok(()),
    }
}

/// P12, as it is told to people: what is said to happen by itself happens by then, and whoever waits for a person says so.
fn p12_what_is_said_happens(step: &Step) -> Verdict {
    let next = step.after.next;
    let waits = matches!(step.after.state, State::SignedOut { .. } | State::SignInRequired { .. });
    match (next.at, step.after.wake_at) {
        (None, _) if waits && next.step == NextStep::Person => {}
        (Some(at), Some(wake)) if next.step != NextStep::Person && wake <= at => {}
        (_, wake) => return Err(format!("{next:?} is said in {}, which wakes at {wake:?}", step.after.state.name())),
    }
    let by_itself = matches!(step.event, Event::Tick) && step.effects.iter().any(is_request);
    if by_itself && step.said.is_some_and(|said| said.step == NextStep::Person) {
        return Err("a person was said to be waited for, and something was asked by itself".into());
    }
    let Some(said) = step.said.filter(|said| said.at.is_some_and(|at| at <= step.now)) else { return Ok(()) };
    // Calls of the device's other accounts put a call off, and then a later time is said.
    let put_off = step.before.paused && next.at.is_some_and(|at| at > step.now);
    // A tick that comes late, after a restart or a jump of the clock, finds that things have changed.
    let late = said.at.is_some_and(|at| at < step.now);
    let other_state = std::mem::discriminant(&step.before.state) != std::mem::discriminant(&step.after.state);
    if !matches!(step.event, Event::Tick)
        || put_off
        || late
        || other_state
        || step.effects.iter().any(|it| is_what(said, it))
    {
        return Ok(());
    }
    Err(format!("{said:?} was said, and did not happen"))
}

/// Whether an effect is what was said to happen.
fn is_what(said: Next, effect: &Effect) -> bool {
    use Effect as E;
    use NextStep as N;
    match said.step {
        N::Person => false,
        // It is gone on with, whatever comes of it: that is said next.
        N::GoOn | N::Reconsider => true,
        N::Reading | N::Asking | N::Renewing | N::SigningIn | N::LookingUp => !matches!(effect, E::Persist),
        N::Open => matches!(effect, E::OpenVault),
        N::Renew | N::RenewWithin => matches!(effect, E::Refresh { .. } | E::Reauthenticate { .. }),
        N::SignInWithin => matches!(effect, E::Reauthenticate { .. }),
        N::RunOut => matches!(effect, E::Prompt { .. }),
        N::Ask | N::Confirm => matches!(effect, E::Probe { .. }),
        N::Retry | N::Retest | N::Verify => is_request(effect),
        N::RetrySpread => matches!(effect, E::Note(note) if note.until.is_some()),
        N::Look => matches!(effect, E::Probe { .. } | E::ReadStatus),
        N::Save => matches!(effect, E::Save { .. }),
        N::GiveUp => matches!(effect, E::Destroy { .. }),
    }
}

/// P13: a person who wants to sign in always can, in every state but Starting, and it risks nothing.
fn p13_a_person_can_always_sign_in(step: &Step) -> Verdict {
    let Event::SignedIn(new) = step.event else { return Ok(()) };
    let quarantined = matches!(step.before.state, State::Quarantined { .. });
    let proves_nothing = new.identity == IdentityProof::Unverified;
    let signed_in = matches!(step.after.state, State::SignedIn { .. }) || (quarantined && proves_nothing);
    if !signed_in || step.after.generation != Some(new.generation) {
        return Err(format!("signing in while {} led to {:?}", step.before.state.name(), step.after));
    }
    if step.effects.iter().any(|effect| matches!(effect, Effect::Destroy { .. })) {
        return Err("signing in destroyed what was kept, before anything new was accepted".into());
    }
    Ok(())
}
