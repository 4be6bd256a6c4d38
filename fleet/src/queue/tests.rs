use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn drained(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.next()).map(|(_, what)| what).collect()
}

#[test]
fn what_is_earlier_comes_first_and_of_one_millisecond_what_was_planned_first() {
    let mut queue = Queue::new();
    for (millis, what) in [(5000, "e"), (1200, "b"), (1200, "c"), (1100, "a"), (2000, "d")] {
        queue.plan(at(millis), what);
    }
    assert_eq!(drained(&mut queue), ["a", "b", "c", "d", "e"]);
}

#[test]
fn what_is_planned_on_the_way_takes_its_place() {
    let mut queue = Queue::new();
    queue.plan(at(1100), "a");
    queue.plan(at(1900), "d");
    assert_eq!(queue.next(), Some((at(1100), "a")));
    queue.plan(at(1500), "c");
    queue.plan(at(1100), "b");
    queue.plan(at(2100), "f");
    assert_eq!(
        [queue.next(), queue.next(), queue.next()].map(|it| it.map(|(_, what)| what)),
        [Some("b"), Some("c"), Some("d")]
    );
    queue.plan(at(1950), "e");
    assert_eq!(drained(&mut queue), ["e", "f"]);
}
