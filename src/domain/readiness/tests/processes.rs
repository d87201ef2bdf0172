//! Gates of the shapes that published release processes demand.

use super::*;

/// A gate of so many items, signed by each of the roles.
fn gate(id: &str, phase: &str, items: usize, roles: &[&str]) -> Gate {
    let items: Vec<serde_json::Value> = (1..=items)
        .map(|it| serde_json::json!({"id": format!("i{it}"), "title": "It holds", "optional": false}))
        .collect();
    let roles: Vec<serde_json::Value> = roles
        .iter()
        .map(|role| serde_json::json!({"role": role}))
        .collect();
    from_json(serde_json::json!({
        "id": id, "title": id, "phase": phase, "items": items, "approvals": roles,
    }))
}

/// Everybody needed for a gate signs it.
fn pass(case: &mut Case, id: &str) {
    for (role, _) in case.gate(id).approvals() {
        let person = case.policy.holders(&role)[0].to_string();
        case.sign(id, role.as_str(), &person);
    }
}

#[test]
fn ten_items_and_four_roles_are_all_needed_before_the_deployment() {
    // req: D4, req: D1
    let roles = ["dev", "qa", "manager", "ops"];
    let ready = || {
        let mut case = Case::new();
        let ops: RoleName = "ops".parse().expect("a name");
        case.policy
            .people
            .get_mut("dee")
            .expect("dee")
            .roles
            .push(ops);
        case.gates = vec![gate("pre-deployment", "pre-release", 10, &roles)];
        case
    };
    for missing in roles {
        let mut case = ready();
        for role in roles.iter().filter(|role| **role != missing) {
            let role: RoleName = role.parse().expect("a name");
            let person = case.policy.holders(&role)[0].to_string();
            case.sign("pre-deployment", role.as_str(), &person);
        }
        let id = format!("pre-deployment/{missing}");
        case.expect(&id, Status::Missing, "nobody has signed");
    }
    for item in 0..10 {
        let mut case = ready();
        pass(&mut case, "pre-deployment");
        assert_eq!(case.decision(), Decision::Go);
        let mut case = ready();
        let mut sign_off = case.sign_off("pre-deployment", "manager");
        let left_out = sign_off.answers.remove(item).item;
        case.append("ana", case.now, Body::SignedOff(sign_off));
        let why = format!("did not confirm {left_out}");
        case.expect("pre-deployment/manager", Status::Missing, &why);
    }
}

#[test]
fn staging_is_validated_before_production() {
    // req: D5
    let mut case = Case::new();
    case.gates = ["smoke", "regression", "performance", "security"]
        .map(|id| gate(id, "staging", 1, &["qa"]))
        .to_vec();
    for id in ["smoke", "regression", "performance"] {
        pass(&mut case, id);
    }
    case.expect("security/qa", Status::Missing, "nobody has signed");
    pass(&mut case, "security");
    assert_eq!(case.decision(), Decision::Go);
}

#[test]
fn a_release_is_complete_when_its_last_quality_gate_is_passed_and_not_before() {
    // req: D12, req: E1
    let quality: Vec<String> = (1..=8).map(|number| format!("quality-{number}")).collect();
    let closed_but = |left_out: Option<&String>| {
        let mut case = Case::new();
        case.gates = vec![gate("entry", "pre-release", 8, &["dev"])];
        let exit = quality.iter().map(|id| gate(id, "closure", 1, &["qa"]));
        case.gates.extend(exit);
        pass(&mut case, "entry");
        assert_eq!(
            case.decision(),
            Decision::Go,
            "the exit is not asked for before the entry"
        );
        case.deploy(at("18:00:00"));
        case.now = at("20:00:00");
        for stage in ["north", "south"] {
            case.verify(stage, "pass");
        }
        case.scope = Scope::Closing;
        for id in quality.iter().filter(|id| Some(*id) != left_out) {
            pass(&mut case, id);
        }
        case
    };
    for id in &quality {
        let case = closed_but(Some(id));
        case.expect(&format!("{id}/qa"), Status::Missing, "nobody has signed");
    }
    assert_eq!(closed_but(None).decision(), Decision::Go);
    // The entry is not waived by having been deployed: it is asked again at closing.
    let mut case = closed_but(None);
    case.history = History::new("2.4.0".parse().expect("a name"));
    assert_eq!(case.how("entry/dev").0, Status::Missing);
}

#[test]
fn the_hand_off_says_whose_turn_it_is() {
    // req: B4
    let turns = |case: &Case| -> Vec<(String, Turn, usize)> {
        let gates = case.readiness().hand_off.into_iter();
        gates
            .map(|it| (it.gate.to_string(), it.turn, it.who.len()))
            .collect()
    };
    let expected = |all: [(&str, Turn, usize); 3]| {
        all.map(|(gate, turn, who)| (gate.to_owned(), turn, who))
            .to_vec()
    };
    let mut case = Case::new();
    let devs = case.policy.holders(&"dev".parse().expect("a name")).len();
    let (past, now, later) = (Turn::Past, Turn::Now, Turn::Later);
    assert_eq!(
        turns(&case),
        expected([("code", now, devs), ("quality", later, 0), ("go", later, 0)])
    );
    case.sign("code", "dev", "cy");
    case.sign("quality", "qa", "bea");
    case.sign("quality", "qa", "ben");
    case.sign("go", "qa", "bea");
    let found = turns(&case);
    assert_eq!(found[0], ("code".to_owned(), past, 0));
    assert_eq!(found[1], ("quality".to_owned(), past, 0));
    assert_eq!(found[2].1, now);
    case.sign("go", "dev", "cy");
    case.sign("go", "manager", "ana");
    assert!(turns(&case).iter().all(|it| it.1 == past));
    // What comes first is told first, whatever the order of the checklist.
    case.gates.reverse();
    case.reject("code", "dev", "cy");
    let gates: Vec<(String, Turn)> = turns(&case).into_iter().map(|it| (it.0, it.1)).collect();
    assert_eq!(gates[0], ("code".to_owned(), now));
}
