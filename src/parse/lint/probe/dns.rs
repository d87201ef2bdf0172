//! `dns` probes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Check;
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::expect::OneOrMany;
use crate::domain::probe::kinds::{DnsProbe, DnsRecordType};
use crate::parse::lint::variables::replaced;

pub(super) fn lint(check: &Check<'_>, dns: &DnsProbe, findings: &mut Vec<Finding>) {
    if let Ok(name) = replaced(&dns.name)
        && let Some(why) = fault(&name, dns.record_type())
    {
        let what = format!("{:?} is not the name of a host: {why}", dns.name);
        findings.push(
            check
                .error(Rule::ProbeAddress, "/dns/name", &what)
                .help("write the full name, such as shop.example.com"),
        );
    }
    if let Some(resolver) = &dns.resolver
        && replaced(resolver).is_ok_and(|it| !is_resolver(&it))
        && !resolver.starts_with("${")
    {
        let what = format!("{resolver:?} is not the address of a resolver");
        findings.push(
            check
                .error(Rule::ProbeAddress, "/dns/resolver", &what)
                .label("expected an IP address")
                .help("write it such as 192.0.2.53, or 192.0.2.53:5353 with a port"),
        );
    }
    let expect = &dns.expect;
    for (key, records) in [
        ("equals", &expect.equals),
        ("contains", &expect.contains),
        ("not_contains", &expect.not_contains),
    ] {
        for record in records.iter().flat_map(OneOrMany::values) {
            if replaced(record).is_ok_and(|it| it == *record) && !fits(record, dns.record_type()) {
                let word = dns.record_type().word();
                let what = format!("{record:?} can be no {word} record");
                let below = format!("/dns/expect/{key}");
                findings.push(
                    check
                        .error(Rule::ProbeNeverPasses, &below, &what)
                        .help(example(dns.record_type())),
                );
            }
        }
    }
    let others = [&expect.equals, &expect.contains, &expect.not_contains];
    if expect.exists == Some(false) && others.into_iter().any(Option::is_some) {
        findings.push(
            check
                .error(
                    Rule::ProbeNeverPasses,
                    "/dns/expect/exists",
                    "what is not there satisfies nothing else, so this can never hold",
                )
                .help("keep `exists: false` alone"),
        );
    }
    if let Some(count) = &expect.count {
        check.count("/dns/expect/count", count, findings);
    }
}

/// What is wrong with a name: RFC 1035, section 2.3.4, and what people write instead.
fn fault(name: &str, kind: DnsRecordType) -> Option<&'static str> {
    if kind == DnsRecordType::Ptr && name.parse::<IpAddr>().is_ok() {
        return None;
    }
    let labels = || name.trim_end_matches('.').split('.');
    if name.contains("://") || name.contains('/') {
        Some("it is an address of the web")
    } else if name.parse::<IpAddr>().is_ok() {
        Some("it is an IP address, which has a name by type PTR alone")
    } else if name.contains([':', ' ', '\t', '\n', '@']) {
        Some("it has a character that no name has")
    } else if name.len() > 253 || labels().any(|label| label.len() > 63) {
        Some("it is too long")
    } else if labels().any(str::is_empty) {
        Some("a part of it is empty")
    } else {
        None
    }
}

fn is_resolver(text: &str) -> bool {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok() && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn fits(record: &str, kind: DnsRecordType) -> bool {
    let words = record.split_whitespace().count();
    match kind {
        DnsRecordType::A => record.trim().parse::<Ipv4Addr>().is_ok(),
        DnsRecordType::Aaaa => record.trim().parse::<Ipv6Addr>().is_ok(),
        DnsRecordType::Cname | DnsRecordType::Ns | DnsRecordType::Ptr => words == 1,
        DnsRecordType::Mx => words == 2,
        DnsRecordType::Srv => words == 4,
        DnsRecordType::Caa => words >= 3,
        DnsRecordType::Txt => true,
    }
}

fn example(kind: DnsRecordType) -> &'static str {
    match kind {
        DnsRecordType::A => "write an IPv4 address, such as 192.0.2.7",
        DnsRecordType::Aaaa => "write an IPv6 address, such as 2001:db8::7",
        DnsRecordType::Cname | DnsRecordType::Ns | DnsRecordType::Ptr => {
            "write a name, such as shop.example.com"
        }
        DnsRecordType::Mx => "write preference and name, such as \"10 mail.example.com\"",
        DnsRecordType::Srv => {
            "write priority, weight, port and name, such as \"10 5 443 shop.example.com\""
        }
        DnsRecordType::Caa => "write flags, tag and value, such as '0 issue \"ca.example.net\"'",
        DnsRecordType::Txt => "write the text",
    }
}
