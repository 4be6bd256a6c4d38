use std::time::Duration;

use mainstay_core::Code;

use super::*;

fn at(second: u64) -> Timestamp {
    Timestamp::default().plus(Duration::from_secs(second))
}

fn line(second: u64) -> Note {
    Note { at: at(second), code: Code::StepRetest, generation: None, until: None }
}

fn seconds(journal: &Journal) -> Vec<u64> {
    journal.notes().iter().map(|note| note.at.as_millis() / 1000).collect()
}

/// A night of re-tests does not push out why there was an episode at all.
#[test]
fn an_episode_keeps_its_beginning_however_long_it_lasts() {
    let mut journal = Journal::default();
    (0..100).for_each(|second| journal.write(line(second)));
    journal.episode_begins(at(100));
    (100..10_000).for_each(|second| journal.write(line(second)));

    let kept = seconds(&journal);
    assert_eq!(kept.len(), LINES);
    assert_eq!(kept[..BEGINNING], (100..116).collect::<Vec<_>>());
    assert_eq!(*kept.last().unwrap(), 9999);
    assert_eq!(kept[BEGINNING..], (10_000 - 496..10_000).collect::<Vec<_>>());

    let stored = journal.shortened(LINES_STORED);
    assert_eq!(seconds(&stored).len(), LINES_STORED);
    assert_eq!(seconds(&stored)[..BEGINNING], (100..116).collect::<Vec<_>>());
    assert_eq!(stored.written(), 10_000, "how much is left out is known");
    let again = Journal::resume(stored.notes(), stored.written(), stored.episodes());
    assert_eq!(seconds(&again), seconds(&stored));
}

/// The negative control: without an episode the oldest lines go.
#[test]
fn without_an_episode_the_oldest_lines_go() {
    let mut journal = Journal::default();
    (0..10_000).for_each(|second| journal.write(line(second)));
    assert_eq!(seconds(&journal), (10_000 - 512..10_000).collect::<Vec<_>>());
}

#[test]
fn whoever_reads_on_gets_each_line_once_also_while_lines_go() {
    let (mut journal, mut seen, mut read) = (Journal::default(), 0, 0);
    journal.episode_begins(at(0));
    for second in 0..5000 {
        journal.write(line(second));
        if second % 7 == 0 {
            read += journal.after(seen).len();
            seen = journal.written();
        }
    }
    assert_eq!(read, 4999);
}

#[test]
fn only_the_latest_episodes_are_remembered_and_an_open_one_is_the_last() {
    let mut journal = Journal::default();
    for hour in 0..20 {
        journal.episode_begins(at(hour * 3600));
        assert!(journal.has_open_episode());
        journal.episode_ends(at(hour * 3600 + 60));
        assert!(!journal.has_open_episode());
    }
    let episodes = journal.episodes();
    assert_eq!(episodes.len(), EPISODES);
    assert!(episodes[7].contains(at(19 * 3600 + 30)) && !episodes[7].contains(at(19 * 3600 + 61)));
}

/// What is stored with every record stays small, whatever the numbers are.
#[test]
fn what_is_stored_is_less_than_ten_kilobytes() {
    let longest = Code::ALL.iter().copied().max_by_key(|code| code.as_str().len()).unwrap();
    let end = Timestamp::from_millis(u64::MAX);
    let note = Note { at: end, code: longest, generation: mainstay_core::Generation::new(u64::MAX), until: Some(end) };
    let mut journal = Journal::default();
    for _ in 0..EPISODES {
        journal.episode_begins(end);
        journal.episode_ends(end);
    }
    (0..1000).for_each(|_| journal.write(note));
    let stored = journal.shortened(LINES_STORED);
    let bytes = serde_json::to_vec(&(stored.notes(), stored.episodes())).unwrap().len();
    assert!(bytes < 10 * 1024, "{bytes}");
}
