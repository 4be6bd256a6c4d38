//! What is on the disk, durably, at the moment in which a request leaves (P2, P8).

use std::sync::{Arc, Mutex};

use mainstay::{
    host::{BoxFuture, Inbound, Outbound, Transport, TransportError},
    test_support::{FaultyFiles, Survivors},
};

use crate::till::{A_WHILE, Setup, codes};

/// A request, and the files that a power cut in that moment would leave.
#[derive(Clone, Debug)]
struct Moment {
    what: String,
    files: Vec<String>,
}

impl Moment {
    fn has(&self, ending: &str) -> bool {
        self.files.iter().any(|name| name.contains(ending))
    }
}

fn durable(disk: &FaultyFiles) -> Vec<String> {
    disk.reopen(Survivors::Durable).contents().into_keys().map(|name| name.as_str().to_owned()).collect()
}

/// Looks at the disk before it lets a request go.
struct Watched {
    inner: Arc<dyn Transport>,
    disk: FaultyFiles,
    moments: Arc<Mutex<Vec<Moment>>>,
}

impl Transport for Watched {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        let body = String::from_utf8_lossy(outbound.request.body()).into_owned();
        let what = format!("{} {body}", outbound.request.uri().path());
        self.moments.lock().unwrap().push(Moment { what, files: durable(&self.disk) });
        self.inner.send(outbound)
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}

/// C8. 1. A till's token is rejected: the secret was changed. 2. Rung 2 asks with the same token. 3. Before the refresh token
/// leaves, the disk knows that it is about to be spent. 4. Before the new token is shown to anybody, it is on the disk, and
/// what it replaces is still there. 5. Only when it was accepted is the old one dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_knows_before_the_network_does_and_forgets_only_what_was_replaced_and_accepted() {
    let (disk, moments) = (FaultyFiles::new(), Arc::<Mutex<Vec<Moment>>>::default());
    let (watched, seen) = (disk.clone(), Arc::clone(&moments));
    let setup = Setup::new().disk(disk.clone());
    let setup = setup.network(move |inner| Watched { inner, disk: watched, moments: seen });
    let (till, session) = setup.signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    moments.lock().unwrap().clear();

    till.control().change_secret(false);
    till.assert_sells(&session).await;

    let moments = moments.lock().unwrap().clone();
    let refresh = moments.iter().position(|moment| moment.what.contains("grant_type=refresh_token")).unwrap();
    let (before, after) = (&moments[..refresh], &moments[refresh + 1..]);
    assert!(moments[refresh].has(".intent"), "{:#?}", moments[refresh]);
    assert!(moments[refresh].has(".current"));
    let confirms = after.iter().find(|moment| moment.what.starts_with("/api/me")).unwrap();
    // The intent may still be there: it is void as soon as its generation is no longer the current one.
    assert!(confirms.has(".kept-") && confirms.has(".current"), "{confirms:#?}");

    // Both can be missed: neither is there while nothing is at risk.
    assert!(!before.is_empty() && before.iter().all(|moment| !moment.has(".intent") && !moment.has(".kept-")));
    assert!(!durable(&disk).iter().any(|name| name.contains(".kept-")), "{:?}", codes(&session));
}
