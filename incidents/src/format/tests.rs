use std::time::Duration;

use super::*;
use crate::protocol::StateName;

const WHOLE: &str = r#"
title = "A short one"
year = 2025
source = "Nobody"
story = "Nothing happens."
suffered = "Nobody did."
[given]
lasts = "1h 30m"
people = ["ada"]
device_key = true

[given.server]
access_tokens_live = "15m"
rotation = "until-used"
rejection = { style = "legacy", status = 400 }

[[steps]]
at = "2m"
who = "server"
what = "fault"
name = "status.api"
status = 503
retry_after = "120"
scope = "api"

[[steps]]
at = "1m"
who = "device"
what = "clock"
shift = "1d"
back = true

[[expect]]
state = ["signed_in", "holding"]
reason = "cause.flapping"
prompts = 0
requests.refresh = { max = 2 }
requests.any = { min = 1, max = 5 }

[[expect]]
at = "10m"
never = ["signed_out"]
"#;

/// The whole file with one line changed, and what is said about it.
fn complaint(from: &str, to: &str) -> FormatError {
    assert!(WHOLE.contains(from), "{from}");
    Incident::parse("short", &WHOLE.replacen(from, to, 1)).expect_err("this file is wrong")
}

#[test]
fn a_whole_file_is_understood() {
    let incident = Incident::parse("short", WHOLE).unwrap();
    assert_eq!(incident.name, "short");
    assert_eq!(incident.given.lasts, Delay(Duration::from_secs(5400)));
    assert_eq!(incident.given.server.rotation, Rotation::UntilUsed);
    assert_eq!(incident.given.server.rejection.status, 400);
    let steps: Vec<u64> = incident.steps.iter().map(|step| step.at.0.as_secs()).collect();
    assert_eq!(steps, [60, 120], "in order of time");
    assert!(matches!(&incident.steps[0].what, What::Device(DeviceStep::Clock(shift)) if shift.millis() == -86_400_000));
    assert!(matches!(&incident.steps[1].what, What::Server(ServerStep::Fault(fault)) if fault.name == "status.api"));
    assert_eq!(incident.expect[0].at, Moment::At(Delay(Duration::from_secs(600))));
    assert_eq!(incident.expect[0].line, 40);
    assert!(incident.expect[1].state.as_ref().unwrap().has(&StateName::Holding));
    assert_eq!(incident.expect[1].requests["any"], Bounds { min: 1, max: 5 });
}

#[test]
fn a_typo_is_answered_with_its_line_and_the_nearest_right_word() {
    for (from, to, line, says) in [
        ("title =", "titel =", 2, "unknown key `titel`; did you mean `title`?"),
        ("lasts =", "last =", 8, "unknown key `last`; did you mean `lasts`?"),
        ("rotation =", "rotations =", 14, "unknown key `rotations`; did you mean `rotation`?"),
        ("until-used", "until_used", 14, "unknown word `until_used`; did you mean `until-used`?"),
        ("who = \"device\"", "who = \"devise\"", 28, "unknown actor `devise`; did you mean `device`?"),
        ("what = \"clock\"", "what = \"clok\"", 29, "unknown step of the device `clok`; did you mean `clock`?"),
        ("back = true", "backward = true", 31, "unknown key `backward`; expected one of: shift, back"),
        ("retry_after", "retry_afer", 17, "unknown key `retry_afer`; did you mean `retry_after`?"),
        ("prompts =", "promts =", 36, "unknown key `promts`; did you mean `prompts`?"),
        ("\"holding\"", "\"hodling\"", 34, "unknown word `hodling`; did you mean `holding`?"),
        ("cause.flapping", "cause.flaping", 35, "unknown code `cause.flaping`; did you mean `cause.flapping`?"),
        ("max = 2", "most = 2", 37, "unknown key `most`; expected one of: min, max"),
    ] {
        let complaint = complaint(from, to);
        assert_eq!(complaint.message, says);
        assert_eq!(complaint.line, Some(line), "{says}");
        assert!(complaint.to_string().starts_with(&format!("short.toml:{line}: ")));
    }
}

#[test]
fn a_wrong_type_or_a_value_out_of_its_range_names_its_line() {
    for (from, to, line) in [
        ("year = 2025", "year = \"then\"", 3),
        ("\"1h 30m\"", "\"an hour\"", 8),
        ("\"1h 30m\"", "\"401d\"", 8),
        ("device_key = true", "device_key = 1", 10),
        ("shift = \"1d\"", "shift = 1", 30),
        ("status = 503", "status = 99", 17),
        ("prompts = 0", "prompts = -1", 36),
        ("prompts = 0", "prompts = \"none\"", 36),
        ("min = 1, max = 5", "min = 5, max = 1", 38),
        ("at = \"10m\"", "at = \"91m\"", 40),
        ("[\"ada\"]", "[\"bob\"]", 9),
    ] {
        let complaint = complaint(from, to);
        assert!(complaint.line.is_some_and(|seen| seen.abs_diff(line) <= 5), "{to}: {complaint}");
    }
}

#[test]
fn a_kill_says_in_the_middle_of_what() {
    let kill = |rest: &str| {
        let step = "what = \"clock\"\nshift = \"1d\"\nback = true";
        assert!(WHOLE.contains(step));
        Incident::parse("short", &WHOLE.replace(step, &format!("what = \"kill\"\n{rest}")))
    };
    let parsed = |rest: &str| match &kill(rest).unwrap().steps[0].what {
        What::Device(DeviceStep::Kill(kill)) => kill.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(parsed(""), Kill::default());
    let whole = parsed("during = \"refresh\"\nmoment = \"after_the_answer\"\nstarts_again_after = \"5s\"");
    assert_eq!((whole.during.as_deref(), whole.moment), (Some("refresh"), Middle::AfterTheAnswer));
    assert_eq!(whole.starts_again_after, Some(Delay(Duration::from_secs(5))));
    for (rest, says) in [
        ("during = \"refersh\"", "unknown endpoint `refersh`; did you mean `refresh`?"),
        (
            "moment = \"after_the_answer\"",
            "`moment` says in the middle of which part of a request: `during` is missing",
        ),
        (
            "during = \"refresh\"\nmoment = \"between\"",
            "unknown word `between`; expected one of: before_the_answer, after_the_answer",
        ),
        ("dering = \"refresh\"", "unknown key `dering`; did you mean `during`?"),
    ] {
        let complaint = kill(rest).unwrap_err();
        assert_eq!(complaint.message, says);
        assert!(complaint.line.is_some_and(|line| (26..=32).contains(&line)), "{complaint}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (from, says) in [
        ("title = \"A short one\"\n", "missing field `title`"),
        ("who = \"device\"\n", "this step has no `who`"),
        ("shift = \"1d\"\n", "missing field `shift`"),
        ("lasts = \"1h 30m\"\n", "missing field `lasts`"),
    ] {
        assert_eq!(complaint(from, "").message, says);
    }
    let nothing_expected = &WHOLE[..WHOLE.find("[[expect]]").unwrap()];
    let complaint = Incident::parse("short", nothing_expected).unwrap_err();
    assert_eq!(complaint.message, "nothing is expected: there is no [[expect]]");
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let complaint = complaint("year = 2025", "year == 2025");
    assert_eq!(complaint.line, Some(3));
    assert!(Incident::parse("empty", "").unwrap_err().message.contains("[given]"));
}

#[test]
fn a_file_that_is_huge_missing_or_in_another_charset_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        Incident::read(&path)
    };
    assert!(read("good.toml", WHOLE.as_bytes()).is_ok());
    assert!(read("empty.toml", b"").is_err());
    let huge = format!("{WHOLE}\n#{}", "x".repeat(LARGEST_FILE));
    assert!(read("huge.toml", huge.as_bytes()).unwrap_err().message.contains("larger than 65536 bytes"));
    let latin1 = read("latin1.toml", b"title = \"fine\"\nstory = \"caf\xe9\"\n").unwrap_err();
    assert_eq!((latin1.line, latin1.message.as_str()), (Some(2), "is not UTF-8"));
    assert!(Incident::read(&folder.path().join("none.toml")).unwrap_err().message.starts_with("cannot be read"));
}

#[test]
fn a_hostile_file_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let deep = LARGEST_FILE / 4;
    let utf16: Vec<u8> = WHOLE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, content) in [
        ("empty", Vec::new()),
        ("blank", b" \n\t\n".to_vec()),
        ("nothing-but-zeros", vec![0; 1000]),
        ("utf-16", utf16),
        ("arrays", format!("title = {}{}", "[".repeat(deep), "]".repeat(deep)).into_bytes()),
        ("open-arrays", format!("title = {}", "[".repeat(deep)).into_bytes()),
        ("tables", format!("title = {}1{}", "{a=".repeat(deep), "}".repeat(deep / 2)).into_bytes()),
        ("dotted", format!("title{} = 1", ".a".repeat(deep)).into_bytes()),
        ("headers", format!("[given{}]\nlasts = 1", ".a".repeat(deep)).into_bytes()),
        ("deep-fault", WHOLE.replace("status = 503", &format!("status = {}", "[".repeat(deep))).into_bytes()),
        ("long-line", format!("title = \"{}", "x".repeat(LARGEST_FILE - 100)).into_bytes()),
        ("twice", format!("{WHOLE}\n{WHOLE}").into_bytes()),
    ] {
        let path = folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, content).unwrap();
        let complaint = Incident::read(&path).unwrap_err().to_string();
        assert!(complaint.starts_with(path.to_str().unwrap()), "{name}: {complaint}");
        assert!(complaint.len() < path.as_os_str().len() + 500, "{name}: {} bytes of complaint", complaint.len());
    }
    let folder_itself = Incident::read(folder.path()).unwrap_err().to_string();
    assert!(folder_itself.starts_with(folder.path().to_str().unwrap()), "{folder_itself}");
}
