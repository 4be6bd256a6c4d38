//! What is left of its tokens in the memory of an app whose person signed out, and that nothing of them is ever on a disk.

use std::{collections::BTreeMap, fs, os::unix::fs::FileExt, path::Path};

use mainstay_mock_server::{Endpoint, Fault, MockServer, Rotation};
use tempfile::TempDir;

use crate::{
    Shop,
    app::Setup,
    run::Running,
    scanner::{Finding, Scanner, Secret},
    wiping::WIPES,
};

/// A shop whose server remembers every secret, for a search that knows what to look for.
async fn shop() -> Shop {
    let builder = MockServer::builder().profile(Rotation::Grace).generate_secret().remember_secrets();
    let server = builder.virtual_clock(1_795_197_600_000).start().await.unwrap();
    server.control().script_sign_in("ada");
    Shop { server, folder: TempDir::new().unwrap() }
}

/// The tokens that the app had, by kind. Secrets of the server's own are not among them: they are in this process.
fn tokens(shop: &Shop) -> Scanner {
    let minted = shop.server.control().secrets().into_iter();
    let tokens = minted.filter(|minted| matches!(minted.kind, "access token" | "refresh token" | "ID token"));
    Scanner::of(&tokens.map(|token| Secret { kind: token.kind.to_owned(), bytes: token.bytes }).collect::<Vec<_>>())
}

/// Everything that a process can write to and that is not a file's, as it is at this moment.
fn search_memory(process: u32, scanner: &Scanner) -> Vec<Finding> {
    let memory = fs::File::open(format!("/proc/{process}/mem")).unwrap();
    let mut found = Vec::new();
    for line in fs::read_to_string(format!("/proc/{process}/maps")).unwrap().lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let (range, rights, name) = (words[0], words[1], words.get(5).copied().unwrap_or("anonymous"));
        if !rights.starts_with("rw") || name.starts_with("[v") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut content = vec![0; usize::try_from(end - start).unwrap()];
        // Some pages cannot be read; everything else there is.
        let read = memory.read_at(&mut content, start).unwrap_or_default();
        content.truncate(read);
        found.extend(scanner.search(name, &content));
    }
    found
}

/// How often each kind of token was found.
fn counted(found: &[Finding]) -> BTreeMap<&str, usize> {
    found.iter().fold(BTreeMap::new(), |mut counts, finding| {
        *counts.entry(finding.kind.as_str()).or_default() += 1;
        counts
    })
}

/// Signs in, calls, refreshes, calls, signs out, and has worked its queue off.
async fn spent(shop: &Shop, planted: bool, environment: &[(&str, &str)]) -> Running {
    let mut app = Running::new(&shop.setup(0), environment);
    assert_eq!([app.ask("start"), app.ask("sign-in"), app.ask("call")], ["ok", "ok", "200"]);
    if planted {
        assert_eq!(app.ask("plant"), "ok");
    }
    assert_eq!([app.ask("refresh"), app.ask("call")], ["generation 2", "200"]);
    assert!(!search_memory(app.id(), &tokens(shop)).is_empty(), "the search sees what is in use");
    assert_eq!(app.ask("sign-out"), "ok");
    shop.server.control().wait_until(|seen| seen.revoked == 1).await;
    assert!(app.ask("state").starts_with("signed_out"));
    app
}

/// What may still be held, in halves of tokens: one access token.
const HELD: usize = 2;

/// What is freed is wiped here, so whatever is found is held by somebody: by nobody but the connection that sent the last call,
/// whose head it keeps, with one access token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_out_app_holds_none_of_its_tokens() {
    let shop = shop().await;
    let mut app = spent(&shop, false, &[(WIPES, "yes")]).await;
    let scanner = tokens(&shop);
    let mut held = search_memory(app.id(), &scanner);
    // It may just be letting go of the last of them.
    for _ in 0..50 {
        if held.len() <= HELD {
            break;
        }
        assert_eq!(app.ask("ping"), "pong");
        held = search_memory(app.id(), &scanner);
    }
    println!("measured: halves of tokens that a signed-out app holds: {:?}", counted(&held));
    // Without the wiping allocator: what libraries have freed and not wiped depends on what came after. Told, not judged.
    let shop_of_its_own = self::shop().await;
    let app = spent(&shop_of_its_own, false, &[]).await;
    let left = search_memory(app.id(), &tokens(&shop_of_its_own));
    println!("measured: with what its libraries have freed and not wiped: {:?}", counted(&left));
    assert!(held.iter().all(|finding| finding.kind == "access token") && held.len() <= HELD, "{held:#?}");
}

/// The negative control: one access token that somebody else holds is one too many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_held_is_found_where_what_is_freed_is_wiped() {
    let shop = shop().await;
    let app = spent(&shop, true, &[(WIPES, "yes")]).await;
    let held = search_memory(app.id(), &tokens(&shop));
    assert!(held.len() > HELD && held.iter().any(|finding| finding.context.contains(" planted")), "{held:#?}");
}

/// The negative control: a copy of a token that was made without thinking is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_copied_and_forgotten_is_found_in_the_memory() {
    let shop = shop().await;
    let app = spent(&shop, true, &[]).await;
    let found = search_memory(app.id(), &tokens(&shop));
    let planted = found.iter().filter(|finding| finding.context.contains(" planted"));
    assert!(planted.count() > 0, "{found:#?}");
}

/// Every file below a folder, and what is found in its content.
fn search_files(folder: &Path, scanner: &Scanner, seen: &mut Vec<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(search_files(&path, scanner, seen));
        } else {
            let name = path.display().to_string();
            found.extend(scanner.search(&name, name.as_bytes()));
            found.extend(scanner.search(&name, &fs::read(&path).unwrap()));
            seen.push(name);
        }
    }
    found
}

/// 1. A person signs in. 2. The app is killed in a refresh: its reserved file and its intent stay.
/// 3. The key is lost, and the next start sets the vault aside.
/// 4. In another vault somebody signs in, and out while the server takes no revocations.
async fn every_kind_of_file(shop: &Shop) {
    fs::create_dir(shop.folder.path().join("tmp")).unwrap();
    let temporary = shop.folder.path().join("tmp").display().to_string();
    let run = |setup: &Setup| Running::new(setup, &[("TMPDIR", &temporary)]);
    let mut app = run(&shop.setup(0));
    assert_eq!([app.ask("start"), app.ask("sign-in"), app.ask("refresh")], ["ok", "ok", "generation 2"]);
    shop.server.control().hold(Endpoint::Refresh);
    app.tell("refresh");
    shop.server.control().wait_for_held(1).await;
    app.kill();
    shop.server.control().clear_faults();
    let keys = Some(shop.folder.path().join("other keys"));
    let mut app = run(&Setup { keys: keys.clone(), ..shop.setup(100_000) });
    assert_eq!(app.ask("start"), "ok");
    assert!(!app.ask("state").starts_with("signed_in"));
    app.kill();

    let mut app = run(&Setup { keys, folder: shop.folder.path().join("second vault"), ..shop.setup(100_000) });
    shop.server.control().script_sign_in("grace");
    assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
    shop.server.control().set_fault(Fault::json(503, "{}").at(Endpoint::Revoke)).unwrap();
    assert_eq!(app.ask("sign-out"), "ok");
    shop.server.control().wait_until(|seen| seen.requests_to(Endpoint::Revoke) > 0).await;
    app.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_in_any_file_in_any_spelling() {
    let shop = shop().await;
    every_kind_of_file(&shop).await;
    let mut seen = Vec::new();
    let found = search_files(shop.folder.path(), &tokens(&shop), &mut seen);
    for kind in [".current", ".intent", ".new-", "/aside-", "/revoke-", ".epoch", "vault.canary"] {
        assert!(seen.iter().any(|name| name.contains(kind)), "no {kind} was searched: {seen:#?}");
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The negative control: a token in a file, as it is or as a sealed record's content has it, is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_a_file_is_found_however_it_is_written() {
    let shop = shop().await;
    let mut app = Running::new(&shop.setup(0), &[]);
    assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
    let minted = shop.server.control().secrets();
    let token = minted.iter().find(|minted| minted.kind == "refresh token").unwrap();
    let text = String::from_utf8(token.bytes.clone()).unwrap();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &token.bytes);
    for planted in [text.clone(), base64, text.replace('-', "%2D").replace('_', "%5F")] {
        let file = shop.folder.path().join("vault").join("vault.notes");
        fs::write(&file, planted).unwrap();
        let found = search_files(shop.folder.path(), &tokens(&shop), &mut Vec::new());
        assert!(found.iter().any(|finding| finding.place.ends_with("vault.notes")), "{found:#?}");
        fs::remove_file(file).unwrap();
    }
}
