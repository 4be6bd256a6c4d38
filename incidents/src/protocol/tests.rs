use tokio::io::BufReader;

use super::*;

async fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<Option<T>, LineError> {
    read_line(&mut BufReader::new(bytes)).await
}

#[tokio::test]
async fn orders_and_events_are_the_same_after_the_wire() {
    let order = Order { id: 7, command: Command::Sell { sale: "sale-0001".to_owned(), total_cents: 450 } };
    let mut wire = Vec::new();
    write_line(&mut wire, &order).await.unwrap();
    assert_eq!(wire, b"{\"id\":7,\"command\":\"sell\",\"sale\":\"sale-0001\",\"total_cents\":450}\n");
    assert_eq!(read::<Order>(&wire).await.unwrap(), Some(order));

    let quiet = Quiet { quiet: true, in_flight: 0, next_deadline_ms: Some(9) };
    let event = Event::Done(Done { id: 7, error: None, answer: Some(Answer::Settle(quiet)) });
    let mut wire = Vec::new();
    write_line(&mut wire, &event).await.unwrap();
    assert_eq!(read::<Event>(&wire).await.unwrap(), Some(event));
}

#[tokio::test]
async fn empty_lines_and_unknown_members_are_passed_over() {
    let wire = b"\n  \n{\"id\":1,\"command\":\"stop\",\"from_the_future\":true}\n";
    assert_eq!(read::<Order>(wire).await.unwrap(), Some(Order { id: 1, command: Command::Stop }));
    assert_eq!(read::<Order>(b"").await.unwrap(), None);
}

#[tokio::test]
async fn an_unknown_command_is_told_from_a_broken_order() {
    let Err(LineError::NotUnderstood { id, unknown, .. }) = read::<Order>(b"{\"id\":3,\"command\":\"sing\"}\n").await
    else {
        panic!("nobody can sing");
    };
    assert_eq!((id, unknown.as_deref()), (Some(3), Some("sing")));
    let Err(LineError::NotUnderstood { id, unknown, reason }) =
        read::<Order>(b"{\"id\":4,\"command\":\"sell\"}\n").await
    else {
        panic!("a sale has a name");
    };
    assert_eq!((id, unknown), (Some(4), None));
    assert!(reason.starts_with("missing field `sale`"), "{reason}");
}

#[tokio::test]
async fn what_is_wrong_with_a_line_is_told_without_its_content() {
    for wire in [
        "{\"id\":5,\"command\":\"import\",\"tokens\":\"canary-4711\"}\n",
        "{\"id\":5,\"command\":\"import\",\"tokens\":{\"access_token\":[\"canary-4711\"]}}\n",
        "canary-4711\n",
    ] {
        let error = read::<Order>(wire.as_bytes()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    let tokens = Tokens { access_token: "canary-4711".to_owned(), refresh_token: None, id_token: None };
    assert!(!format!("{tokens:?}").contains("canary"));
}

#[tokio::test]
async fn a_line_without_end_is_refused_and_a_long_one_is_not_written() {
    let endless = vec![b'x'; LONGEST_LINE + 1];
    assert!(matches!(read::<Order>(&endless).await, Err(LineError::TooLong)));
    let text = "x".repeat(LONGEST_LINE);
    let mut wire = Vec::new();
    assert!(matches!(write_line(&mut wire, &Shown { text }).await, Err(LineError::TooLong)));
    assert!(wire.is_empty());
}
