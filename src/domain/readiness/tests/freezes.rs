//! Which waiver excuses a freeze.

use super::waivers::{allowing, case, give, give_as, owing, refused};
use super::*;

#[test]
fn a_freeze_is_overridden_by_who_may_and_for_that_freeze_alone() {
    // req: B6
    let mut case = case();
    let freezes = |id: &str| -> Option<crate::domain::calendar::Calendar> {
        Some(from_json(serde_json::json!({
            "freezes": [{"id": id, "from": "2026-11-20", "to": "2026-11-21"}],
        })))
    };
    case.policy.calendar = freezes("sale");
    give(&mut case, &["calendar"], 24).expect("she may waive");
    case.expect_waived("calendar");
    // Another freeze is another matter.
    case.policy.calendar = freezes("audit");
    assert_eq!(case.how("calendar").0, Status::Failed);
    case.policy.calendar = freezes("sale");
    let authority = case.policy.authority.as_mut().expect("authority");
    authority.override_freeze = Some(vec!["dev".parse().expect("a name")]);
    let why = "the role manager has no authority for \"override_freeze\"";
    case.expect("calendar", Status::Failed, why);
    refused(give(&mut case, &["calendar"], 24), "override_freeze");
    give_as(&mut case, "cy", &["calendar"], 24).expect("he may");
    case.expect_waived("calendar");
    refused(give_as(&mut case, "cy", &["go/qa"], 24), "is met");
}

#[test]
fn a_freeze_is_waived_for_its_day_and_until_the_deployment() {
    let mut case = case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    case.policy.calendar = Some(from_json(serde_json::json!({
        "freezes": [{"id": "sale", "from": "2026-11-20", "to": "2026-11-24"}],
    })));
    // Noon; the deployment begins at six.
    refused(
        give(&mut case, &["calendar"], 5),
        "is needed on Fri 2026-11-20 18:00",
    );
    give(&mut case, &["calendar"], 7).expect("it lasts until then");
    assert_eq!(case.how("calendar").0, Status::Waived);
    // A record by hand that ends before it excuses nothing, and neither does one of another day.
    let mut short = owing(case.history.state().waivers[0].waiver.fact.clone(), "O2");
    short.until = at("17:59:00");
    let mut forged = allowing(Case::new());
    forged.policy = case.policy.clone();
    forged.append("ana", forged.now, Body::Waived(short));
    let (status, why) = forged.how("calendar");
    assert_eq!(status, Status::Failed);
    assert!(
        why.contains("it is needed on 2026-11-20 18:00 UTC"),
        "{why}"
    );
    case.notes.deploy_at = Some((at("18:00:00") + TimeDelta::days(1)).fixed_offset());
    assert_eq!(case.how("calendar").0, Status::Failed);
    refused(
        give(&mut case, &["calendar"], 7),
        "is needed on Sat 2026-11-21 18:00",
    );
    case.policy.waivers = Some(from_json(serde_json::json!({
        "review": {"role": "qa", "due": "24h"}, "max": "8h",
    })));
    refused(give(&mut case, &["calendar"], 7), "is needed on");
}
