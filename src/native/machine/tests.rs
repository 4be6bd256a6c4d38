#![cfg(target_os = "linux")]

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef";

/// What a system tells whose `/etc/machine-id` is this.
fn told(etc: Option<&str>, transient: bool) -> Option<String> {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("etc")).unwrap();
    std::fs::create_dir_all(root.path().join("run")).unwrap();
    if let Some(text) = etc {
        std::fs::write(root.path().join("etc/machine-id"), text).unwrap();
    }
    if transient {
        std::fs::write(root.path().join("run/machine-id"), ID).unwrap();
    }
    of_system(root.path())
}

#[test]
fn a_machine_is_known_by_its_id() {
    assert_eq!(told(Some(&format!("{ID}\n")), false).as_deref(), Some(ID));
}

#[test]
fn a_machine_without_a_lasting_id_is_not_known() {
    assert_eq!(told(None, false), None);
    for text in
        ["", "uninitialized\n", "00000000000000000000000000000000\n", "0123\n", "not hexadecimal at all, is it? no."]
    {
        assert_eq!(told(Some(text), false), None, "{text:?}");
    }
    assert_eq!(told(Some(ID), true), None, "it would be another one after the next restart");
}

#[test]
fn a_machine_s_id_is_not_shown() {
    assert!(!format!("{:?}", MachineId(ID.to_owned())).contains(ID));
}
