//! A list of policies as the documented service would answer it. All of it is made up.

use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const KEY: &str = "k-0123-secret";

/// What the service lists, in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) policies: Vec<Value>,
}

/// A policy with this number, modified in this minute of a day.
pub(crate) fn policy(number: u32, minute: u32) -> Value {
    let mut policy: Value = serde_json::from_str(include_str!("fixtures/policy.json")).unwrap();
    policy["plcyNo"] = key(number).into();
    policy["plcyNm"] = format!("가상시 청년 지원 {number}").into();
    policy["lastMdfcnDt"] = modified(minute).into();
    policy
}

pub(crate) fn key(number: u32) -> String {
    format!("2026010100990020{number:04}")
}

fn modified(minute: u32) -> String {
    format!("2026-09-{:02} {:02}:{:02}:00", 1 + minute / 1440, minute / 60 % 24, minute % 60)
}

impl List {
    pub(crate) fn of(count: u32) -> Self {
        Self { policies: (0..count).map(|number| policy(number, 0)).collect() }
    }

    /// Changes the words of a policy.
    pub(crate) fn edit(&mut self, number: u32, words: &str, minute: u32) {
        let key = key(number);
        for policy in self.policies.iter_mut().filter(|policy| policy["plcyNo"] == key.as_str()) {
            policy["plcySprtCn"] = words.into();
            policy["lastMdfcnDt"] = modified(minute).into();
        }
    }

    pub(crate) fn remove(&mut self, number: u32) {
        let key = key(number);
        self.policies.retain(|policy| policy["plcyNo"] != key.as_str());
    }

    /// The answer to a request.
    pub(crate) fn answer(&self, asked: &BTreeMap<String, String>) -> String {
        if asked.get("apiKeyNm").map(String::as_str) != Some(KEY) {
            let refused =
                json!({"resultCode": 401, "resultMessage": "인증키가 유효하지 않습니다.", "result": null});
            return refused.to_string();
        }
        let number = |name: &str| asked.get(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(1);
        let (page, size) = (number("pageNum"), number("pageSize"));
        let found: Vec<&Value> = match asked.get("plcyNo") {
            Some(key) => self.policies.iter().filter(|policy| policy["plcyNo"] == key.as_str()).collect(),
            None => self.policies.iter().collect(),
        };
        let of_page: Vec<Value> =
            found.iter().skip((page - 1) * size).take(size).map(|policy| (*policy).clone()).collect();
        json!({
            "resultCode": 200,
            "resultMessage": "성공적으로 데이터를 가지고 왔습니다.",
            "result": {
                "pagging": {"totCount": found.len(), "pageNum": page, "pageSize": size},
                "youthPolicyList": of_page,
            },
        })
        .to_string()
    }
}
