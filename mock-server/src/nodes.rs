//! Several nodes behind one address: each has its own keys, and something in front decides who answers.
//!
//! Everything but the keys is shared: sessions, codes, sales. So a node that does not know a key is the only thing that
//! can go wrong between them, which is what the third founding incident was.

use serde::{Deserialize, Serialize};

use crate::{
    Refused,
    config::Algorithm,
    keys::{HmacKey, KeyState, Keyring, Material},
    random::Random,
};

#[cfg(test)]
mod tests;

/// The cookie that names a node, where [`Route::Cookie`] decides.
pub(crate) const COOKIE: &str = "mainstay-node";

/// The most nodes there can be.
const MOST_NODES: u64 = 16;

/// How a request finds its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// A connection stays at one node; the next connection goes to the next node.
    #[default]
    Connection,
    /// Each request goes to a random node, by a generator with a seed of its own.
    Random,
    /// A cookie names the node. Who brings none gets a random node, and the cookie.
    Cookie,
}

/// Whose keys a node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKeys {
    /// All nodes have the keys of the first: nothing is wrong, until a key is changed on some of them.
    #[default]
    Same,
    /// Each node has keys of its own and knows no others.
    Own,
    /// The repair: each node goes on with its keys, and accepts those of all others.
    Shared,
}

/// Several nodes behind one address: `PUT /control/nodes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nodes {
    /// How many; 1 is an ordinary server. At most 16. The first one keeps its keys in any case.
    pub count: u64,
    /// How a request finds its node.
    #[serde(default)]
    pub route: Route,
    /// Whose keys a node has.
    #[serde(default)]
    pub keys: NodeKeys,
    /// Where randomness begins, so that a run can be repeated.
    #[serde(default)]
    pub seed: u64,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { count: 1, route: Route::default(), keys: NodeKeys::default(), seed: 0 }
    }
}

impl Nodes {
    /// Whether there can be such nodes.
    ///
    /// # Errors
    /// [`Refused`] for no node at all, and for more than 16.
    pub fn check(&self) -> Result<(), Refused> {
        match self.count {
            1..=MOST_NODES => Ok(()),
            _ => Err(Refused::new(format!("there are 1 to {MOST_NODES} nodes, not {}", self.count))),
        }
    }
}

/// The secret that the server was started with.
pub(crate) struct Secret {
    pub(crate) kid: String,
    pub(crate) key: HmacKey,
}

/// The nodes and their keys.
pub(crate) struct Cluster {
    nodes: Nodes,
    rings: Vec<Keyring>,
    /// The node that works now, by its place in `rings`.
    here: usize,
    /// How many keys were ever made.
    made: u32,
    /// The state of the generator that chooses nodes.
    choice: u64,
}

impl Cluster {
    pub(crate) fn new(secret: Secret, random: &mut Random, now_ms: u64) -> Self {
        let mut cluster =
            Self { nodes: Nodes::default(), rings: vec![Keyring::default()], here: 0, made: 0, choice: 0 };
        cluster.made += 1;
        cluster.rings.iter_mut().for_each(|ring| {
            ring.add(secret.kid.clone(), Material::Hmac(secret.key.clone()), KeyState::Active, now_ms);
        });
        cluster.add(Material::generate(Algorithm::Es256, random), KeyState::Active, now_ms);
        cluster
    }

    /// Accepts the secret of an earlier start until then.
    pub(crate) fn add_retired(&mut self, kid: String, key: HmacKey, until_ms: u64, now_ms: u64) {
        let state = KeyState::Retired { accepted_until_ms: Some(until_ms) };
        self.rings.iter_mut().for_each(|ring| ring.add(kid.clone(), Material::Hmac(key.clone()), state, now_ms));
    }

    pub(crate) fn nodes(&self) -> Nodes {
        self.nodes
    }

    /// Puts these nodes in place of those that are there.
    pub(crate) fn set(&mut self, nodes: Nodes, random: &mut Random, now_ms: u64) -> Result<(), Refused> {
        nodes.check()?;
        let count = usize::try_from(nodes.count).unwrap_or(1);
        let first = self.rings.first().cloned().unwrap_or_default();
        let kept = if nodes.keys == NodeKeys::Same { 1 } else { count };
        self.rings.truncate(kept);
        while self.rings.len() < count {
            let ring = match nodes.keys {
                NodeKeys::Own => self.keys_of_its_own(random, now_ms),
                NodeKeys::Same | NodeKeys::Shared => first.clone(),
            };
            self.rings.push(ring);
        }
        if nodes.keys == NodeKeys::Shared {
            let all = self.rings.clone();
            self.rings.iter_mut().for_each(|ring| all.iter().for_each(|other| ring.accept_all_of(other)));
        }
        self.here = 0;
        self.choice = nodes.seed;
        self.nodes = nodes;
        Ok(())
    }

    fn keys_of_its_own(&mut self, random: &mut Random, now_ms: u64) -> Keyring {
        let mut ring = Keyring::default();
        for algorithm in [Algorithm::Hs256, Algorithm::Es256] {
            let kid = self.next_kid(algorithm);
            ring.add(kid, Material::generate(algorithm, random), KeyState::Active, now_ms);
        }
        ring
    }

    /// The node that answers a request on this connection that brought this cookie.
    pub(crate) fn choose(&mut self, connection: u64, cookie: Option<usize>) -> usize {
        let count = self.nodes.count.max(1);
        let chosen = match (self.nodes.route, cookie) {
            _ if count == 1 => 0,
            (Route::Cookie, Some(node)) if (1..=self.rings.len()).contains(&node) => return node - 1,
            (Route::Cookie | Route::Random, _) => splitmix(&mut self.choice) % count,
            (Route::Connection, _) => connection % count,
        };
        usize::try_from(chosen).unwrap_or(0)
    }

    /// From now on, this node works.
    pub(crate) fn at(&mut self, node: usize) {
        self.here = if node < self.rings.len() { node } else { 0 };
    }

    /// The keys of the node that works now.
    pub(crate) fn here(&self) -> &Keyring {
        // There is always a first one.
        static NONE: Keyring = Keyring::none();
        self.rings.get(self.here).unwrap_or(&NONE)
    }

    /// The keyrings of these nodes, counted from 1; of all, if none is named.
    fn rings_of(&mut self, nodes: &[u64]) -> impl Iterator<Item = &mut Keyring> {
        let numbered = (1_u64..).zip(&mut self.rings);
        numbered.filter(|(number, _)| nodes.is_empty() || nodes.contains(number)).map(|(_, ring)| ring)
    }

    /// Whether there are such nodes, counted from 1.
    pub(crate) fn know(&self, nodes: &[u64]) -> Result<(), Refused> {
        match nodes.iter().find(|node| !(1..=self.nodes.count).contains(*node)) {
            Some(node) => Err(Refused::new(format!("there is no node {node} of {}", self.nodes.count))),
            None => Ok(()),
        }
    }

    fn next_kid(&mut self, algorithm: Algorithm) -> String {
        self.made += 1;
        let prefix = match algorithm {
            Algorithm::Hs256 => "hs",
            Algorithm::Es256 => "es",
        };
        format!("{prefix}-{}", self.made)
    }

    /// Adds a key everywhere and returns its id.
    pub(crate) fn add(&mut self, material: Material, state: KeyState, now_ms: u64) -> String {
        let kid = self.next_kid(material.algorithm());
        self.rings.iter_mut().for_each(|ring| ring.add(kid.clone(), material.clone(), state, now_ms));
        kid
    }

    /// Puts a new active key in place of the old one on these nodes; the old one gets the state `replaced`.
    pub(crate) fn replace(&mut self, nodes: &[u64], material: &Material, replaced: KeyState, now_ms: u64) {
        let kid = self.next_kid(material.algorithm());
        for ring in self.rings_of(nodes) {
            ring.step_down(material.algorithm(), replaced);
            ring.add(kid.clone(), material.clone(), KeyState::Active, now_ms);
        }
    }

    /// Accepts the dropped keys of an algorithm again, on these nodes.
    pub(crate) fn accept_dropped(&mut self, nodes: &[u64], algorithm: Algorithm) {
        self.rings_of(nodes).for_each(|ring| ring.accept_dropped(algorithm));
    }

    /// Gives a key this state, everywhere.
    pub(crate) fn set_state(&mut self, kid: &str, state: KeyState) {
        self.rings.iter_mut().for_each(|ring| ring.set_state(kid, state));
    }

    /// Lets a key sign, everywhere; the one that signed stays accepted until `old_until_ms`.
    pub(crate) fn activate(&mut self, kid: &str, old_until_ms: u64) {
        self.rings.iter_mut().for_each(|ring| ring.activate(kid, old_until_ms));
    }
}

/// SplitMix64: a small generator whose whole state is one number. Not for secrets.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
