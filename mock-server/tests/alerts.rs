//! The alert rules, proved by `promtool test rules` on series that the server itself made in virtual time.
//! `cargo xtask test --suite server` installs promtool.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests"
)]

#[path = "server/support/mod.rs"]
mod support;

use std::{collections::BTreeMap, fmt::Write, process::Command, time::Duration};

use mainstay_mock_server::{MockServer, StoreFailure};
use support::{Till, Tokens};

const RULES: &str = include_str!("../alerts/rules.yml");
const ALERTS: [&str; 3] = ["RefreshRefusalSurge", "SessionStoreDown", "TokenRejectionSurge"];

/// How often Prometheus looks.
const SCRAPE: Duration = Duration::from_secs(15);
const NOW_MS: u64 = 1_739_750_400_000;

/// Shops with tills, and a Prometheus that writes down what it sees.
struct Town {
    server: MockServer,
    till: Till,
    tills: Vec<Tokens>,
    /// By metric with labels.
    series: BTreeMap<String, Vec<String>>,
    scrapes: u32,
}

impl Town {
    async fn with(tills: usize) -> Self {
        let server = MockServer::builder().virtual_clock(NOW_MS).scripted_person("ada").start().await.unwrap();
        let till = Till::new(&server);
        let mut town = Self { server, till, tills: Vec::new(), series: BTreeMap::new(), scrapes: 0 };
        for _ in 0..tills {
            town.tills.push(town.till.sign_in().await);
        }
        town
    }

    /// A till sells; where its token is rejected it refreshes, and where that is refused too a person signs in.
    async fn sell(&mut self, place: usize, signs_in: bool) {
        let tokens = self.tills[place].clone();
        if self.till.get("/api/me", &tokens.access).await.status != 401 {
            return;
        }
        let refreshed = self.till.refresh(&tokens.refresh).await;
        if refreshed.status == 200 {
            self.tills[place] = Tokens::from(&refreshed);
        } else if signs_in {
            self.tills[place] = self.till.sign_in().await;
        }
    }

    /// Prometheus looks, and time passes until it looks again.
    async fn scrape(&mut self) {
        let text = String::from_utf8(self.till.get("/metrics", "").await.body.to_vec()).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = if name.contains('{') {
                name.replace('}', ",job=\"auth\"}")
            } else {
                format!("{name}{{job=\"auth\"}}")
            };
            let values = self.series.entry(name).or_default();
            values.resize(self.scrapes as usize, "_".to_owned());
            values.push(value.to_owned());
        }
        self.scrapes += 1;
        self.server.control().advance(SCRAPE);
    }

    /// Seconds from the first scrape to the next one.
    fn now_s(&self) -> u64 {
        u64::from(self.scrapes) * SCRAPE.as_secs()
    }

    /// Runs promtool with these rules; the error is what it said.
    fn promtool(&self, rules: &str, expected: &[(u64, &str, bool)]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
        let mut test = String::from(
            "rule_files: [rules.yml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n",
        );
        for (name, values) in &self.series {
            writeln!(test, "      - series: '{name}'\n        values: '{}'", values.join(" ")).unwrap();
        }
        test += "    promql_expr_test:\n";
        for (at_s, alert, fires) in expected {
            // Whether it fired at any moment up to then, not only just then.
            let expr =
                format!("sgn(count(count_over_time(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}[{at_s}s])))");
            let samples = if *fires { "\n          - labels: '{}'\n            value: 1" } else { " []" };
            writeln!(test, "      - expr: '{expr}'\n        eval_time: {at_s}s\n        exp_samples:{samples}")
                .unwrap();
        }
        let file = folder.path().join("test.yml");
        std::fs::write(&file, test).unwrap();
        let output = Command::new("promtool").args(["test", "rules"]).arg(&file).output().expect("promtool");
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()),
        }
    }

    /// Tills sell one after another, each about twice a minute, for this many scrapes.
    async fn busy(&mut self, scrapes: u32, signs_in: bool) {
        for _ in 0..scrapes {
            for place in (0..self.tills.len()).step_by(2) {
                let place = (place + self.scrapes as usize) % self.tills.len();
                self.sell(place, signs_in).await;
            }
            self.scrape().await;
        }
    }
}

/// Until then silent, and from then on fired.
fn fires_between(alert: &'static str, from_s: u64, to_s: u64) -> [(u64, &'static str, bool); 2] {
    [(from_s, alert, false), (to_s, alert, true)]
}

#[tokio::test]
async fn the_first_founding_incident_is_noticed_within_a_minute() {
    let mut town = Town::with(30).await;
    town.busy(20, true).await;
    town.server.control().change_secret(false);
    let changed_s = town.now_s() - SCRAPE.as_secs();
    town.busy(8, true).await;
    let expected = fires_between("TokenRejectionSurge", changed_s, changed_s + 60);
    town.promtool(RULES, &expected).unwrap();

    // The control: with the rule gone, or set too high, the same test fails.
    assert!(town.promtool(&RULES.replace("alert: TokenRejectionSurge", "alert: Nothing"), &expected).is_err());
    assert!(town.promtool(&RULES.replace("[1m])) > 10", "[1m])) > 10000"), &expected).is_err());
}

#[tokio::test]
async fn a_normal_day_is_silent() {
    let mut town = Town::with(6).await;
    for _ in 0..(24 * 60 * 4) {
        let minute = town.now_s() / 60;
        let open = (8 * 60..18 * 60).contains(&minute);
        let place = town.scrapes as usize % town.tills.len();
        if open || town.scrapes % 40 == 0 {
            town.sell(place, true).await;
        }
        // Somebody's clock, a scanner of the neighbourhood, a till that was off for a week.
        if town.scrapes % 240 == 17 {
            town.till.get("/api/me", "no token at all").await;
            town.till.get("/api/me", "").await;
        }
        town.scrape().await;
    }
    let rejected: u64 = town.server.control().observations().tokens_rejected.values().sum();
    assert!(rejected > 100, "{rejected}: a day without any rejection would prove nothing");
    let silent = ALERTS.map(|alert| (24 * 3600 - 15, alert, false));
    town.promtool(RULES, &silent).unwrap();

    // The control: a rule that looks at every rejection does not sleep.
    let nervous = RULES.replace("[1m])) > 10", "[1m])) > 0").replace("> 0.2 *", "> 0 *");
    assert!(town.promtool(&nervous, &silent).is_err());
}

#[tokio::test]
async fn a_store_that_is_gone_and_sessions_that_are_lost_are_noticed() {
    let mut town = Town::with(20).await;
    town.busy(20, false).await;
    town.server.control().cut_off_session_store(StoreFailure::Closed);
    let gone_s = town.now_s() - SCRAPE.as_secs();
    town.busy(4, false).await;
    town.promtool(RULES, &fires_between("SessionStoreDown", gone_s, gone_s + 60)).unwrap();

    town.server.control().wipe_sessions();
    town.server.control().reconnect_session_store();
    let lost_s = town.now_s() - SCRAPE.as_secs();
    // Refresh tokens are missed when access tokens expire, after 15 minutes at most.
    town.busy(60, false).await;
    town.promtool(RULES, &fires_between("RefreshRefusalSurge", lost_s, lost_s + 15 * 60)).unwrap();
}
