use super::*;
use levee_client::v1::AuditDecision;
use levee_types::ErrorCode;
use std::cell::RefCell;
use std::collections::VecDeque;

fn event(sequence: u64) -> AuditEvent {
    AuditEvent {
        sequence,
        principal: "ann".to_owned(),
        action: "TopicService/CreateTopics".to_owned(),
        resource: "topic:orders".to_owned(),
        decision: AuditDecision::Allowed.into(),
        source: "127.0.0.1:5000".to_owned(),
        count: 1,
        ..AuditEvent::default()
    }
}

fn busy() -> Failure {
    Failure::server(ErrorCode::Unavailable, "draining")
}

/// Follows from 5 on until the server refuses. Returns the lines, from where it was asked each time, and how often it
/// paused.
async fn followed(answers: Vec<Result<Page, Failure>>) -> (String, Vec<u64>, u32) {
    let answers = RefCell::new(VecDeque::from(answers));
    let (asked, paused) = (RefCell::new(Vec::new()), RefCell::new(0));
    let mut printer = Printer { out: Vec::new(), as_json: false };
    let fetch = async |from: u64| {
        asked.borrow_mut().push(from);
        let end = || Err(Failure::server(ErrorCode::PermissionDenied, "no more"));
        answers.borrow_mut().pop_front().unwrap_or_else(end)
    };
    let pause = async || *paused.borrow_mut() += 1;
    let stop = follow(5, fetch, pause, &mut printer).await.unwrap_err();
    assert!(matches!(&stop, Stop::Input(failure) if failure.code == "PERMISSION_DENIED"), "{stop:?}");
    (String::from_utf8(printer.out).unwrap(), asked.into_inner(), paused.into_inner())
}

#[tokio::test]
async fn goes_on_where_the_last_page_ended_and_pauses_when_there_is_nothing() {
    let answers = vec![Ok((vec![event(5), event(6)], 7)), Ok((vec![event(7)], 8)), Ok((Vec::new(), 8))];
    let (lines, asked, paused) = followed(answers).await;
    assert_eq!(lines.lines().count(), 3);
    assert_eq!((asked, paused), (vec![5, 7, 8, 8], 1));
}

#[tokio::test]
async fn waits_for_a_server_that_is_away_and_misses_nothing() {
    let answers = vec![Err(busy()), Err(busy()), Ok((vec![event(5)], 6)), Err(busy())];
    let (lines, asked, paused) = followed(answers).await;
    assert_eq!(lines.lines().count(), 1);
    assert_eq!((asked, paused), (vec![5, 5, 5, 6, 6], 3));
}

#[tokio::test]
async fn ends_when_nobody_reads() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut printer = Printer { out: Gone, as_json: true };
    let fetch = async |_| Ok((vec![event(5)], 6));
    let stop = follow(5, fetch, async || (), &mut printer).await.unwrap_err();
    assert!(matches!(stop, Stop::Output(error) if error.kind() == io::ErrorKind::BrokenPipe));
}

#[test]
fn an_event_is_a_line() {
    let denied = AuditEvent {
        decision: AuditDecision::Denied.into(),
        reason: "no rule allows it".to_owned(),
        count: 25,
        ..event(1)
    };
    assert_eq!(
        show::line(&event(1)),
        "1970-01-01T00:00:00Z allowed ann TopicService/CreateTopics topic:orders from 127.0.0.1:5000"
    );
    assert_eq!(
        show::line(&denied),
        "1970-01-01T00:00:00Z denied ann TopicService/CreateTopics topic:orders from 127.0.0.1:5000: no rule allows \
         it (25 times)"
    );
    let mut printer = Printer { out: Vec::new(), as_json: true };
    printer.print(&[event(1), denied]).unwrap();
    let text = String::from_utf8(printer.out).unwrap();
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((events.len(), &events[1]["count"]), (2, &serde_json::json!(25)));
}
