//! Who lifts a rejection, and when.

use super::*;

#[test]
fn a_rejection_is_lifted_in_its_turn_alone() {
    // req: B4
    let mut case = Case::new();
    case.reject("quality", "qa", "bea");
    let why = "bea alone can lift that, by signing; it waits for code";
    case.expect("quality/qa", Status::Rejected, why);
    let all = case.readiness().requirements;
    let one = all.iter().find(|it| it.id == "quality/qa").expect("it");
    assert_eq!(one.command, None, "it would be refused");
    assert_eq!(one.who.len(), 1, "{:?}", one.who);
    assert!(one.who[0].contains("bea"), "{:?}", one.who);
    let may = |case: &Case| {
        let (gate, role) = (case.gate("quality"), "qa".parse().expect("a name"));
        let bea = crate::domain::testing::actor("bea");
        crate::domain::decide::sign::may_sign(&case.inquiry(), gate, &role, &bea)
    };
    let refusal = may(&case).expect_err("the order holds after a rejection too");
    assert!(
        refusal.message.contains("it waits for code"),
        "{}",
        refusal.message
    );
    // A record by hand lifts nothing either, neither now nor when its turn has come.
    case.sign("quality", "qa", "bea");
    assert_eq!(case.how("quality/qa").0, Status::Rejected);
    case.sign("code", "dev", "cy");
    case.expect("quality/qa", Status::Rejected, "bea rejected it");
    may(&case).expect("it is its turn");
    case.sign("quality", "qa", "bea");
    case.sign("quality", "qa", "ben");
    assert_eq!(case.how("quality/qa").0, Status::Met);
    // Nor is one lifted before its time: a day before the deployment.
    let mut early = Case::new();
    early.now -= TimeDelta::days(3);
    early.sign("code", "dev", "cy");
    early.sign("quality", "qa", "bea");
    early.sign("quality", "qa", "ben");
    early.reject("go", "dev", "cy");
    early.sign("go", "dev", "cy");
    assert_eq!(early.how("go/dev").0, Status::Rejected);
    early.now += TimeDelta::days(3);
    early.sign("go", "dev", "cy");
    assert_ne!(early.how("go/dev").0, Status::Rejected);
    // Nor before what it is about has happened.
    let mut case = Case::signed();
    case.scope = Scope::Closing;
    case.reject("wrap-up", "manager", "ana");
    case.sign("wrap-up", "manager", "ana");
    case.deploy(at("18:00:00"));
    case.now = at("20:00:00");
    for stage in ["north", "south"] {
        case.verify(stage, "pass");
    }
    case.expect("wrap-up/manager", Status::Rejected, "ana alone");
    case.sign("wrap-up", "manager", "ana");
    assert_eq!(case.how("wrap-up/manager").0, Status::Met);
}

#[test]
fn a_rejection_is_lifted_by_who_made_it_alone() {
    let mut case = Case::signed();
    case.reject("quality", "qa", "dee");
    case.expect(
        "quality/qa",
        Status::Rejected,
        "dee rejected it: it is slow",
    );
    case.sign("quality", "qa", "bea");
    assert_eq!(case.how("quality/qa").0, Status::Rejected);
    case.sign("quality", "qa", "dee");
    assert_eq!(case.decision(), Decision::Go);
    // A later no counts against an earlier yes.
    case.reject("quality", "qa", "bea");
    assert_eq!(case.how("quality/qa").0, Status::Rejected);
}
