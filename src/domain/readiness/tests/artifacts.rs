//! What the gate says of the things that are released.

use super::*;

#[test]
fn an_artifact_is_called_what_it_was_found_to_be() {
    // req: A19
    for (more, status, why, decision) in [
        (
            "path",
            Status::Met,
            "it is what the notes say",
            Decision::Go,
        ),
        ("reference", Status::Met, "not looked at", Decision::Go),
        (
            "signature",
            Status::Unknown,
            "not verified",
            Decision::Inconclusive,
        ),
    ] {
        let mut artifact = serde_json::json!({"name": "shop", "path": "shop.tar"});
        match more {
            "reference" => artifact = serde_json::json!({"name": "shop", "reference": "shop:1"}),
            "signature" => artifact["signature"] = "shop.sig".into(),
            _ => {}
        }
        let mut case = Case::new();
        case.notes.artifacts = Some(from_json(serde_json::json!([artifact])));
        case.sign_all();
        case.expect("shop", status, why);
        assert_eq!(case.decision(), decision, "{more}");
    }
}
