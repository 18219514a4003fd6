use super::*;
use crate::collect::source::{builtin_files, check};
use crate::contracts::builtin;
use std::time::Duration;

fn source() -> Source {
    let (name, text) = *builtin_files().first().unwrap();
    check(name, text, &builtin()).0.unwrap()
}

/// What an answer is taken for: `total/records`, or the code of the trouble and whether it may pass.
fn taken(status: u16, body: &str) -> String {
    let raw = Raw { status, retry_after: Some(Duration::from_secs(9)), body: body.as_bytes().to_vec() };
    match read(&source(), Some(2), &raw) {
        Ok(page) => format!("{}/{}", page.total, page.records.len()),
        Err(trouble) => {
            format!("{} {}", trouble.code(), if trouble.may_pass() { "may pass" } else { "stays" })
        }
    }
}

#[test]
fn every_answer_is_taken_for_what_it_is() {
    let page = |list: &str| {
        format!(
            "{{\"resultCode\":200,\"result\":{{\"pagging\":{{\"totCount\":7,\"pageNum\":2}},\"youthPolicyList\":{list}}}}}"
        )
    };
    let gateway = |code: u32| {
        format!(
            "<?xml version=\"1.0\"?>\n<OpenAPI_ServiceResponse><cmmMsgHeader><returnAuthMsg>X</returnAuthMsg><returnReasonCode>{code}</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>"
        )
    };
    for (status, body, expected) in [
        (200, page("[{},{}]"), "7/2"),
        (200, format!("\u{feff} {}", page("[{}]")), "7/1"),
        (200, page("{}"), "7/1"),
        (200, page("[]"), "7/0"),
        (200, page("[{}]").replace("200", "\"200\"").replace('7', "\"7\""), "7/1"),
        (200, page("null").replace('7', "0"), "0/0"),
        (200, page("null"), "IEUM-K016 may pass"),
        (200, page("\"none\""), "IEUM-K016 may pass"),
        (200, page("[]").replace("\"pageNum\":2", "\"pageNum\":1"), "IEUM-K016 may pass"),
        (200, page("[]").replace("totCount", "total"), "IEUM-K016 may pass"),
        (200, page("[").replace("]}}", ""), "IEUM-K014 may pass"),
        (200, String::new(), "IEUM-K014 may pass"),
        (200, String::from("no JSON"), "IEUM-K014 may pass"),
        (200, String::from("<html></html>"), "IEUM-K014 may pass"),
        (200, String::from("{\"resultCode\":401,\"result\":null}"), "IEUM-K012 stays"),
        (200, String::from("{\"resultCode\":\"401\",\"result\":null}"), "IEUM-K012 stays"),
        (200, String::from("{\"resultCode\":500,\"result\":null}"), "IEUM-K015 may pass"),
        (200, gateway(22), "IEUM-K013 stays"),
        (200, gateway(30), "IEUM-K012 stays"),
        (200, gateway(1), "IEUM-K011 may pass"),
        (200, gateway(77), "IEUM-K015 may pass"),
        (429, gateway(22), "IEUM-K013 stays"),
        (429, String::new(), "IEUM-K011 may pass"),
        (500, gateway(22), "IEUM-K011 may pass"),
        (503, String::new(), "IEUM-K011 may pass"),
        (301, String::new(), "IEUM-K017 stays"),
        (401, String::new(), "IEUM-K012 stays"),
        (400, String::from("{\"resultCode\":401}"), "IEUM-K012 stays"),
        (404, String::new(), "IEUM-K015 stays"),
    ] {
        assert_eq!(taken(status, &body), expected, "{status} {body}");
    }
}

#[test]
fn a_code_that_means_an_empty_list_is_one() {
    let mut source = source();
    source.envelopes[0].means.push((String::from("3"), Meaning::Empty));
    let raw = Raw { status: 200, body: b"{\"resultCode\":3}".to_vec(), ..Raw::default() };
    assert_eq!(read(&source, Some(1), &raw), Ok(Page { total: 0, records: Vec::new() }));
}

#[test]
fn a_sources_words_are_cut_to_one_line() {
    let words = "긴 말\n".repeat(200);
    let body = serde_json::json!({"resultCode": 500, "resultMessage": words}).to_string();
    let trouble = read(&source(), Some(1), &Raw { status: 200, body: body.into_bytes(), ..Raw::default() });
    let told = trouble.unwrap_err().told;
    assert!(told.starts_with("it reports code 500: 긴 말 긴 말") && !told.contains('\n'), "{told}");
    assert!(told.chars().count() < 200, "{told}");
}
