//! Folders that are none, files that are none, and vaults that nobody here can open.

use std::{
    fs::{self, File, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
};

use mainstay::vault::Epoch;

use crate::sandbox::{Said, Sandbox, credentials, till};

const KEY: [&str; 2] = ["--key-folder", "keys"];

fn make_fifo(path: &std::path::Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn verify(sandbox: &Sandbox) -> Said {
    sandbox.mainstay(&[&["vault", "verify", "till"], &KEY[..]].concat())
}

/// Looking at something that is no folder comes to an end, with a sentence and the next move.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_folder_is_said_to_be_none() {
    let sandbox = Sandbox::with_till().await;
    make_fifo(&sandbox.path("fifo"));
    fs::write(sandbox.path("file"), "x").unwrap();
    std::os::unix::fs::symlink("nowhere", sandbox.path("dangling")).unwrap();
    for (folder, code) in [
        ("missing", "no_folder"),
        ("file", "not_a_folder"),
        ("file/below", "no_folder"),
        ("fifo", "not_a_folder"),
        ("dangling", "no_folder"),
        ("/dev/null", "not_a_folder"),
    ] {
        for command in [&["status"][..], &["verify"], &["export", "--redacted"]] {
            let said = sandbox.mainstay(&[&["vault", "--json"], command, &[folder]].concat());
            assert_eq!((said.status, said.json()["error"]["code"].as_str()), (2, Some(code)), "{folder} {}", said.err);
            assert!(said.err.lines().count() >= 2, "no next move: {}", said.err);
        }
        let said = sandbox.mainstay(&["vault", "status", "till", "--key-folder", folder]);
        assert_eq!(said.status, 2, "a key folder {folder}: {}", said.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_file_of_a_vault_is_named_and_the_rest_is_read() {
    for kind in ["fifo", "folder", "symlink", "sparse", "empty", "unreadable"] {
        let sandbox = Sandbox::with_till().await;
        let session = sandbox.file("till", ".session");
        fs::remove_file(&session).unwrap();
        match kind {
            "fifo" => make_fifo(&session),
            "folder" => fs::create_dir(&session).unwrap(),
            "symlink" => std::os::unix::fs::symlink("/etc/hostname", &session).unwrap(),
            "sparse" => File::create(&session).unwrap().set_len(1 << 30).unwrap(),
            "empty" => drop(File::create(&session).unwrap()),
            _ => {
                fs::write(&session, [0xff; 300_000]).unwrap();
            }
        }
        let said = verify(&sandbox);
        assert_eq!(said.status, 1, "{kind}: {}{}", said.out, said.err);
        let broken: Vec<_> = said.out.lines().filter(|line| line.contains('✗')).collect();
        assert!(broken.len() == 1 && broken[0].contains(".session"), "{kind}: {}", said.out);
        let status = sandbox.mainstay(&[&["vault", "status", "till", "--json"], &KEY[..]].concat()).json();
        assert_eq!(status["accounts"][0]["outcome"]["outcome"], "value", "{kind}");
    }
}

/// The file of a newer release, whose checksum is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_release_s_vault_is_no_damage() {
    let sandbox = Sandbox::with_till().await;
    for ending in [".current", "vault.install"] {
        let path = sandbox.file("till", ending);
        fs::write(&path, newer(&fs::read(&path).unwrap())).unwrap();
        let said = sandbox.mainstay(&[&["vault", "status", "till"], &KEY[..]].concat());
        assert_eq!(said.status, 3, "{ending}: {}", said.out);
        assert!(said.out.contains("a newer release wrote it (format 2)"), "{}", said.out);
        assert_eq!(verify(&sandbox).status, 3);
    }
}

/// The same file under the next format version.
fn newer(file: &[u8]) -> Vec<u8> {
    let mut newer = file[..file.len() - 8].to_vec();
    newer[9] = 2;
    let digest = sha256(&newer);
    newer.extend_from_slice(&digest[..8]);
    newer
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    (0..64).step_by(2).map(|at| u8::from_str_radix(&said[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_missing_or_another_one_is_said_so() {
    let sandbox = Sandbox::with_till().await;
    let key = sandbox.file("keys", "");
    fs::create_dir(sandbox.path("others")).unwrap();
    let said = sandbox.mainstay(&["vault", "status", "till", "--key-folder", "others"]);
    assert_eq!(said.status, 1, "{}", said.out);
    assert!(said.out.contains("the vault's key is missing"), "{}", said.out);
    fs::write(sandbox.path("others").join(key.file_name().unwrap()), [7; 32]).unwrap();
    let said = sandbox.mainstay(&["vault", "status", "till", "--key-folder", "others"]);
    assert!(said.out.contains("sealed with another key"), "{}", said.out);
    fs::write(sandbox.path("others").join(key.file_name().unwrap()), "short").unwrap();
    let said = sandbox.mainstay(&["vault", "status", "till", "--key-folder", "others"]);
    assert!(said.out.contains("key cannot be read"), "{}", said.out);
}

/// A machine whose system does not say what it is called cannot tell a clone; then the vault opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_of_another_machine_is_told_where_this_one_has_a_name() {
    let sandbox = Sandbox::new();
    sandbox.vault("till", Some("till-7")).first_save(till(), &credentials(1, "ada"), Epoch::default()).await.unwrap();
    let said = sandbox.mainstay(&[&["vault", "status", "till", "--json"], &KEY[..]].concat());
    let expected = match said.json()["machine"].as_str() {
        Some("elsewhere") => (1, "unreadable"),
        Some("unknown") => (0, "value"),
        other => panic!("{other:?}"),
    };
    assert_eq!((said.status, said.json()["opened"]["outcome"].as_str().unwrap()), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_somebody_else_s_is_refused_with_the_next_move() {
    let sandbox = Sandbox::with_till().await;
    // Whoever may do everything is refused nothing: then somebody who may not looks.
    let program = sandbox.path("mainstay");
    fs::copy(env!("CARGO_BIN_EXE_mainstay"), &program).unwrap();
    fs::set_permissions(sandbox.path(""), Permissions::from_mode(0o755)).unwrap();
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout.trim_ascii() == b"0";
    let mut command = Command::new(&program);
    command.args(["vault", "--json", "status"]).arg(sandbox.path("till"));
    if is_root {
        command.uid(65534).gid(65534);
    } else {
        fs::set_permissions(sandbox.path("till"), Permissions::from_mode(0o000)).unwrap();
    }
    let said: Said = command.output().unwrap().into();
    fs::set_permissions(sandbox.path("till"), Permissions::from_mode(0o700)).unwrap();
    assert_eq!((said.status, said.json()["error"]["code"].as_str()), (3, Some("refused")), "{}", said.err);
    assert!(said.err.contains("Run this as the user that the app runs as"), "{}", said.err);
}

#[test]
fn without_the_keyring_in_it_the_program_says_so() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("till")).unwrap();
    let said = sandbox.mainstay(&["vault", "status", "till", "--keyring"]);
    if cfg!(feature = "keyring") {
        assert_eq!(said.status, 0, "nothing is stored, so no key is asked for: {}", said.err);
    } else {
        assert_eq!(said.status, 2);
        assert!(said.err.contains("--features keyring"), "{}", said.err);
    }
}
