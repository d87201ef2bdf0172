//! `dns`: what a resolver says of a name.

use std::collections::BTreeSet;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Judged, Kind};
use crate::domain::probe::count::CountExpectation;
use crate::domain::probe::expect::{Assertion, OneOrMany};
use crate::domain::probe::templated::Settle;

/// A request to a resolver, and what its response must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsProbe {
    /// A full name, such as `shop.example.com`; for `PTR` an IP address too.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The type of record that is requested. Default: `A`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub record_type: Option<DnsRecordType>,
    /// The `address` or `address:port` of the resolver. Default: the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub resolver: Option<String>,
    /// What the response must be.
    pub expect: DnsExpectation,
}

/// A type of record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsRecordType {
    /// An IPv4 address.
    #[default]
    A,
    /// An IPv6 address.
    Aaaa,
    /// Another name for it.
    Cname,
    /// A mail server: `10 mail.example.com`.
    Mx,
    /// A text, its pieces joined.
    Txt,
    /// A name server.
    Ns,
    /// A service: `10 5 443 shop.example.com` (priority, weight, port, target).
    Srv,
    /// Who may issue certificates: `0 issue "ca.example.net"`.
    Caa,
    /// The name of an address.
    Ptr,
}

impl DnsRecordType {
    /// The word for it, as it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Ns => "NS",
            Self::Srv => "SRV",
            Self::Caa => "CAA",
            Self::Ptr => "PTR",
        }
    }

    /// A record as it is compared: names in lower case without the dot at the end, addresses in their shortest form.
    pub fn plain(self, text: &str) -> String {
        let text = text.trim();
        match self {
            Self::A | Self::Aaaa => text
                .parse::<IpAddr>()
                .map_or_else(|_| text.to_owned(), |address| address.to_string()),
            Self::Txt | Self::Caa => text.to_owned(),
            Self::Cname | Self::Mx | Self::Ns | Self::Srv | Self::Ptr => {
                let words: Vec<&str> = text.split_whitespace().collect();
                words.join(" ").trim_end_matches('.').to_ascii_lowercase()
            }
        }
    }
}

/// What the answer must be; every part that is given must hold. A name without such records satisfies `exists: false`,
/// and a `count` that allows none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsExpectation {
    /// Whether there must be such a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// All records, in any order: these and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<OneOrMany<String>>,
    /// Records that must be among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<OneOrMany<String>>,
    /// Records that must not be among them. With no record at all it does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_contains: Option<OneOrMany<String>>,
    /// How many there must be; the same one twice is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<CountExpectation>,
}

/// What a resolver said of a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DnsAnswer {
    /// The records of the type, in their plain form.
    pub records: Vec<String>,
    /// Whether there is no such name at all (NXDOMAIN).
    pub no_such_name: bool,
    /// Why one of the records is no text, where one is not.
    pub flaw: Option<String>,
}

impl DnsProbe {
    /// The type of record that is requested.
    pub fn record_type(&self) -> DnsRecordType {
        self.record_type.unwrap_or_default()
    }
}

impl Kind for DnsProbe {
    type Answer = DnsAnswer;

    fn asserts_something(&self) -> bool {
        let DnsExpectation {
            exists,
            equals,
            contains,
            not_contains,
            count,
        } = &self.expect;
        let mut lists = [equals, contains, not_contains].into_iter().flatten();
        exists.is_some()
            || lists.any(|list| !list.values().is_empty())
            || count.as_ref().is_some_and(|count| !count.is_empty())
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        let expect = &mut self.expect;
        let lists = [
            &mut expect.equals,
            &mut expect.contains,
            &mut expect.not_contains,
        ];
        let mut texts = vec![&mut self.name];
        texts.extend(&mut self.resolver);
        texts.extend(lists.into_iter().flatten().flat_map(OneOrMany::values_mut));
        texts
    }

    fn settles_mut(&mut self) -> Vec<&mut dyn Settle> {
        let count = self.expect.count.iter_mut();
        count.flat_map(CountExpectation::settles_mut).collect()
    }

    fn host(&self) -> Option<&str> {
        self.resolver.as_deref()
    }

    fn judge(&self, answer: &DnsAnswer, _: u64) -> Judged {
        let kind = self.record_type();
        let word = kind.word();
        let expect = &self.expect;
        let any = !answer.records.is_empty();
        let text = answer.flaw.is_none();
        let found: BTreeSet<&str> = answer.records.iter().map(String::as_str).collect();
        let listed =
            |records: &mut dyn Iterator<Item = &str>| records.collect::<Vec<_>>().join(", ");
        let actual = match (any, answer.no_such_name) {
            (true, _) => match &answer.flaw {
                Some(why) => format!("{why} ({})", listed(&mut found.iter().copied())),
                None => listed(&mut found.iter().copied()),
            },
            (false, true) => "no such name (NXDOMAIN)".to_owned(),
            (false, false) => format!("the name has no {word} record"),
        };
        let assertion = |about: String, expected: String, holds| Assertion {
            about,
            expected,
            actual: actual.clone(),
            holds,
        };
        let mut all = Vec::new();
        if let Some(exists) = expect.exists {
            let expected = if exists { "a record" } else { "no record" };
            let about = format!("{word} exists");
            all.push(assertion(about, expected.to_owned(), exists == any));
        }
        if let Some(records) = &expect.equals {
            let wanted: BTreeSet<String> =
                records.values().iter().map(|it| kind.plain(it)).collect();
            let expected = listed(&mut wanted.iter().map(String::as_str));
            let holds = any && text && wanted.iter().map(String::as_str).eq(found.iter().copied());
            all.push(assertion(format!("{word} equals"), expected, holds));
        }
        for record in expect.contains.iter().flat_map(OneOrMany::values) {
            let wanted = kind.plain(record);
            let holds = text && found.contains(wanted.as_str());
            all.push(assertion(format!("{word} contains"), wanted, holds));
        }
        for record in expect.not_contains.iter().flat_map(OneOrMany::values) {
            let unwanted = kind.plain(record);
            let holds = any && text && !found.contains(unwanted.as_str());
            let expected = format!("no {unwanted}");
            all.push(assertion(format!("{word} not contains"), expected, holds));
        }
        if let Some(count) = &expect.count {
            let number = u64::try_from(found.len()).unwrap_or(u64::MAX);
            all.extend(count.assertions(&format!("{word} count"), "", Some(number)));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(kind: &str, expect: serde_json::Value, records: &[&str]) -> bool {
        let value = serde_json::json!({"name": "shop.example", "type": kind, "expect": expect});
        let probe: DnsProbe = serde_json::from_value(value).expect("a probe");
        assert!(probe.asserts_something());
        let kind = probe.record_type();
        let answer = DnsAnswer {
            records: records.iter().map(|it| kind.plain(it)).collect(),
            no_such_name: false,
            flaw: None,
        };
        let all = probe.judge(&answer, 0).expect("judged");
        assert!(!all.is_empty());
        all.iter().all(|it| it.holds)
    }

    #[test]
    fn records_are_sets_and_names_have_no_case() {
        let both = serde_json::json!({"equals": ["B.example.", "a.example"]});
        assert!(holds("NS", both.clone(), &["A.EXAMPLE.", "b.example."]));
        assert!(!holds("NS", both.clone(), &["a.example."]));
        assert!(!holds("NS", both, &["a.example", "b.example", "c.example"]));
        let v6 = serde_json::json!({"contains": "2001:DB8:0::1"});
        assert!(holds("AAAA", v6, &["2001:db8::1", "2001:db8::2"]));
        let one = serde_json::json!({"count": {"equals": 1}, "equals": "192.0.2.1"});
        assert!(holds("A", one, &["192.0.2.1", "192.0.2.1"]));
        let text = serde_json::json!({"equals": "v=spf1 -ALL"});
        assert!(!holds("TXT", text, &["v=spf1 -all"]));
    }

    #[test]
    fn no_record_satisfies_only_what_asks_for_none() {
        for expect in [
            serde_json::json!({"exists": true}),
            serde_json::json!({"equals": []  , "exists": true}),
            serde_json::json!({"contains": "192.0.2.1"}),
            serde_json::json!({"not_contains": "192.0.2.1"}),
            serde_json::json!({"count": {"at_least": 1}}),
        ] {
            assert!(!holds("A", expect.clone(), &[]), "{expect}");
        }
        assert!(holds("A", serde_json::json!({"exists": false}), &[]));
        assert!(holds("A", serde_json::json!({"count": {"equals": 0}}), &[]));
        assert!(!holds(
            "A",
            serde_json::json!({"exists": false}),
            &["192.0.2.1"]
        ));
    }
}
