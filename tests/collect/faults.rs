//! What a service does wrong, and what a run makes of it.

use crate::desk::Desk;
use crate::list::{KEY, List};
use crate::server::{Fault, Server};
use ieum::collect::{Ended, Http, Kind};
use std::time::Duration;

const HTML: &str = "<!DOCTYPE html><html><body>서비스 점검 중입니다</body></html>";
const GATEWAY: &str = "<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg><returnAuthMsg>\
                       LIMITED_NUMBER_OF_SERVICE_REQUESTS_EXCEEDS_ERROR</returnAuthMsg><returnReasonCode>22</returnReasonCode>\
                       </cmmMsgHeader></OpenAPI_ServiceResponse>";

/// What passes at the second attempt leaves no trace in what is published.
#[test]
fn what_passes_is_asked_for_again() {
    for (what, fault) in [
        ("half an answer", Fault::Half),
        ("a body cut in the middle of its JSON", Fault::HalfJson),
        ("a page of HTML", Fault::Body(HTML)),
        ("an empty body", Fault::Body("")),
        ("a closed connection", Fault::Gone),
        ("too many requests", Fault::Status(429, "")),
        ("an error of the server", Fault::Status(503, "")),
        (
            "an error inside 200 that nobody described",
            Fault::Body("{\"resultCode\":500,\"resultMessage\":\"오류\",\"result\":null}"),
        ),
        (
            "success without a list",
            Fault::Body("{\"resultCode\":200,\"resultMessage\":\"성공\",\"result\":null}"),
        ),
        (
            "a page that nobody asked for",
            Fault::Body(
                "{\"resultCode\":200,\"result\":{\"pagging\":{\"totCount\":25,\"pageNum\":9},\"youthPolicyList\":[]}}",
            ),
        ),
    ] {
        let (server, mut desk) = (Server::start(List::of(25)), Desk::new(10));
        server.fault(2, fault);
        let run = desk.run(&server.url).unwrap();
        assert_eq!((run.new, run.requests, &run.ended), (25, 4, &Ended::ToTheEnd), "{what}");
        assert!(run.delivered_through.is_some() && run.held_back.is_empty(), "{what}");
        assert_eq!(desk.versions().len(), 25, "{what}");
    }
}

#[test]
fn what_does_not_pass_ends_the_run_at_once_and_says_so() {
    for (fault, code, kind) in [
        (
            Fault::Body(
                "{\"resultCode\":401,\"resultMessage\":\"인증키가 유효하지 않습니다.\",\"result\":null}",
            ),
            "IEUM-K012",
            Kind::KeyRefused,
        ),
        (Fault::Status(403, ""), "IEUM-K012", Kind::KeyRefused),
        (Fault::Status(302, "Location: http://127.0.0.1:1/login\r\n"), "IEUM-K017", Kind::Moved),
        (Fault::Status(404, ""), "IEUM-K015", Kind::Refused),
        (Fault::Body(GATEWAY), "IEUM-K013", Kind::Quota),
    ] {
        let (server, mut desk) = (Server::start(List::of(25)), Desk::new(10));
        server.fault(2, fault);
        let run = desk.run(&server.url).unwrap();
        let Ended::Part(trouble) = &run.ended else { panic!("{run:?}") };
        assert_eq!((trouble.code(), trouble.kind, run.requests, run.new), (code, kind, 2, 10), "{trouble}");
        assert_eq!(desk.run(&server.url).unwrap().new, 15, "{trouble}");
    }
}

#[test]
fn back_off_doubles_and_listens_to_the_source() {
    let (server, mut desk) = (Server::start(List::of(5)), Desk::new(10));
    desk.source.request.pause = Duration::ZERO;
    server.fault(1, Fault::Status(429, "Retry-After: 7\r\n"));
    server.fault(2, Fault::Status(500, ""));
    server.fault(3, Fault::Gone);
    assert_eq!(desk.run(&server.url).unwrap().new, 5);
    let waits: Vec<u64> =
        desk.clock.waits.borrow().iter().map(Duration::as_secs).filter(|s| *s > 0).collect();
    assert_eq!(waits, [7, 2, 4]);

    server.fault(1, Fault::Status(429, "Retry-After: 3600\r\n"));
    let run = desk.run(&server.url).unwrap();
    let Ended::Part(trouble) = &run.ended else { panic!("{run:?}") };
    assert!(trouble.told.contains("3600") && run.requests == 1, "{trouble}");
}

#[test]
fn requests_keep_their_distance() {
    let (server, mut desk) = (Server::start(List::of(30)), Desk::new(10));
    desk.source.request.pause = Duration::from_millis(700);
    desk.run(&server.url).unwrap();
    assert_eq!(*desk.clock.waits.borrow(), [Duration::from_millis(700); 3]);
}

/// Whatever the source repeats of it, in whatever goes wrong.
#[test]
fn the_key_is_nowhere_but_in_the_request() {
    let echo: &'static str = Box::leak(
        format!("{{\"resultCode\":999,\"resultMessage\":\"wrong key {KEY}\",\"result\":null}}")
            .into_boxed_str(),
    );
    let mut list = List::of(3);
    list.policies[1]["etcMttrCn"] = KEY.into();
    let (server, mut desk) = (Server::start(list), Desk::new(10));
    for nth in 1..=5 {
        server.fault(nth, Fault::Body(echo));
    }
    let run = desk.run(&server.url).unwrap();
    let told = format!("{run:?} {}", ieum::collect::builtin_files().len());
    assert!(told.contains("wrong key *") && !told.contains(KEY), "{told}");
    desk.run(&server.url).unwrap();
    let bytes: Vec<u8> = desk.log.records.iter().filter_map(|entry| entry.value.clone()).flatten().collect();
    assert!(!String::from_utf8_lossy(&bytes).contains(KEY));
    assert!(server.asked().iter().all(|asked| asked["apiKeyNm"] == KEY));
    let http = Http::new(&desk.source, Some(KEY.into()), Some(&server.url), None).unwrap();
    assert!(!format!("{http:?}").contains(KEY));

    // Nobody listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = desk.run(&format!("http://{gone}/x")).unwrap();
    assert!(!format!("{run:?}").contains(KEY));
    let run = desk.run("https://127.0.0.1:1/x").unwrap();
    assert!(!format!("{run:?}").contains(KEY));
}

#[test]
fn a_key_goes_over_no_open_network() {
    let desk = Desk::new(10);
    for url in [
        "http://example.invalid/x",
        "ftp://127.0.0.1/x",
        "https:///x",
        "http://127.0.0.1.example.invalid/",
        "https://h/x?y=1",
    ] {
        assert!(Http::new(&desk.source, None, Some(url), None).is_err(), "{url}");
    }
}
