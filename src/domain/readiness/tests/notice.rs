//! Since when a release is on record.

use super::*;
use crate::domain::policy::Signatures;
use crate::domain::signature::{Signer, Standing};

#[test]
fn notice_is_given_by_people_alone_and_by_nothing_put_beside_their_records() {
    // req: C7
    let mut case = Case::new();
    case.policy.types = Some(from_json(serde_json::json!({"minor": {"notice": "6h"}})));
    let said = |by: &str, parents: &[RecordId], time: &str| {
        let noted = Body::Noted(from_json(serde_json::json!({"text": "hello"})));
        let draft = Draft {
            by: by.to_owned(),
            body: noted,
        };
        let release = "2.4.0".parse().expect("a name");
        Record::new(draft, &release, parents.to_vec(), at(time), "host")
    };
    let read = |records: Vec<Record>, judged: &[(RecordId, Standing)]| {
        let mut history = History::new("2.4.0".parse().expect("a name"));
        for (record, standing) in judged {
            history.judge(*record, standing.clone());
        }
        history.extend(records);
        history
    };
    case.notes.deploy_at = Some(at("17:00:00").fixed_offset());
    // Neither somebody unknown nor relgate itself gives notice.
    for by in ["nobody", "relgate"] {
        case.history = read(vec![said(by, &[], "01:00:00")], &[]);
        assert_eq!(case.how("notice").0, Status::Missing, "{by}");
    }
    let first = said("ana", &[], "12:00:00");
    let second = said("ana", &[first.id], "12:30:00");
    let beside = said("ana", &[], "01:00:00");
    case.history = read(vec![first.clone(), second.clone()], &[]);
    assert!(case.how("notice").1.contains("12:00"));
    case.history = read(vec![first.clone(), second.clone(), beside], &[]);
    assert!(
        case.how("notice").1.contains("12:00"),
        "{:?}",
        case.how("notice")
    );
    // Where records must be signed, what is not signed gives none.
    case.policy.signatures = Some(Signatures::Required);
    case.history = read(vec![first.clone(), second.clone()], &[]);
    assert!(
        case.how("notice")
            .1
            .contains("on record since Fri 2026-11-20 12:00"),
        "now"
    );
    let signer = Signer {
        principal: "ana".to_owned(),
        fingerprint: "SHA256:x".to_owned(),
    };
    let judged = [(second.id, Standing::Signed(signer))];
    case.now = at("15:00:00");
    case.history = read(vec![first, second], &judged);
    assert!(
        case.how("notice").1.contains("12:30"),
        "{:?}",
        case.how("notice")
    );
}
