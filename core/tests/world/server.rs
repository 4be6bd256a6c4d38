//! The servers: an authorization server that may forget, mix up or refuse, and resource servers that may do the same.
//! They know nothing of Mainstay.

use std::collections::BTreeMap;

use mainstay_core::RejectionClass;

use super::{
    chance::Chance,
    history::{Account, Resource, Token, Upheaval},
};

/// An access token and a refresh token, issued together. Known by the number that the device stores them under.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// In real time.
    pub expires_at: u64,
    pub refreshable: bool,
    /// They are somebody else's.
    pub foreign: bool,
    /// Issued before the last time that resource servers changed their mind.
    pub old: bool,
}

pub type Key = (Account, u64);

#[derive(Debug)]
pub struct Servers {
    pub token: Token,
    pub resource: Resource,
    pub grants: BTreeMap<Key, Grant>,
    /// Refresh tokens that would work if their grants were not lost.
    pub grants_lost: bool,
    pub misconfigured: bool,
    turn: u64,
}

/// What a resource server says to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Yes,
    No(RejectionClass),
    Nothing,
    SomebodyElse,
}

impl Default for Servers {
    fn default() -> Self {
        Self {
            token: Token::Well,
            resource: Resource::Well,
            grants: BTreeMap::new(),
            grants_lost: false,
            misconfigured: false,
            turn: 0,
        }
    }
}

impl Servers {
    pub fn change(&mut self, upheaval: Upheaval) {
        self.grants_lost = matches!(upheaval, Upheaval::GrantsLost);
    }

    pub fn set_token(&mut self, mood: Token) {
        self.token = mood;
        self.misconfigured = matches!(mood, Token::Misconfigured { .. });
    }

    pub fn set_resource(&mut self, mood: Resource) {
        self.resource = mood;
        if matches!(mood, Resource::RejectsOld | Resource::RejectsNew) {
            self.grants.values_mut().for_each(|grant| grant.old = true);
        }
    }

    /// Everything is repaired: old keys are accepted again, what was lost is found.
    pub fn repair(&mut self) {
        (self.token, self.resource) = (Token::Well, Resource::Well);
        (self.grants_lost, self.misconfigured) = (false, false);
    }

    pub fn is_refreshable(&self, key: Key) -> bool {
        !self.grants_lost && self.grants.get(&key).is_some_and(|grant| grant.refreshable)
    }

    /// The refresh token was used, or its family revoked.
    pub fn spend(&mut self, key: Key) {
        if let Some(grant) = self.grants.get_mut(&key) {
            grant.refreshable = false;
        }
    }

    pub fn answer_call(&mut self, key: Key, real: u64, chance: &mut Chance) -> Said {
        match self.resource {
            Resource::RejectsCallsOnly => Said::No(RejectionClass::Unauthorized),
            Resource::NamesAnother | Resource::Forbids => self.plainly(key, real),
            _ => self.answer_probe(key, real, chance),
        }
    }

    pub fn answer_probe(&mut self, key: Key, real: u64, chance: &mut Chance) -> Said {
        use RejectionClass as R;
        let old = self.grants.get(&key).is_some_and(|grant| grant.old);
        match self.resource {
            Resource::Well | Resource::RejectsCallsOnly => self.plainly(key, real),
            Resource::RejectsEverything(class) => Said::No(class),
            Resource::RejectsOld if old => Said::No(R::InvalidToken),
            Resource::RejectsNew if !old => Said::No(R::InvalidToken),
            Resource::RejectsOld | Resource::RejectsNew => self.plainly(key, real),
            Resource::Flaps => {
                self.turn += 1;
                if self.turn.is_multiple_of(2) { self.plainly(key, real) } else { Said::No(R::Unauthorized) }
            }
            Resource::Silent => Said::Nothing,
            Resource::NamesAnother => Said::SomebodyElse,
            Resource::Forbids => Said::No(R::Forbidden),
            Resource::Anything => match chance.below(8) {
                0 | 1 => self.plainly(key, real),
                2 => Said::No(R::InvalidToken),
                3 => Said::No(R::Legacy),
                4 => Said::No(R::SessionRevoked),
                5 => Said::No(R::Forbidden),
                6 => Said::SomebodyElse,
                _ => Said::Nothing,
            },
        }
    }

    fn plainly(&self, key: Key, real: u64) -> Said {
        match self.grants.get(&key) {
            Some(grant) if grant.foreign => Said::SomebodyElse,
            Some(grant) if real < grant.expires_at => Said::Yes,
            _ => Said::No(RejectionClass::InvalidToken),
        }
    }

    /// The mood of this one answer.
    pub fn token_mood(&self, chance: &mut Chance) -> Token {
        let Token::Anything = self.token else { return self.token };
        match chance.below(14) {
            0..=3 => Token::Well,
            4 => Token::Refuses { revoked: chance.below(6) == 0 },
            5 => Token::Down { retry_after: Some(30) },
            6 => Token::Down { retry_after: None },
            7 => Token::Loses,
            8 => Token::Hangs,
            9 => Token::Unreasoned,
            10 => Token::Misconfigured { rediscovery_helps: true },
            11 => Token::RefusesScopes { all: false },
            12 => Token::Malformed,
            _ => Token::NamesAnother,
        }
    }
}
