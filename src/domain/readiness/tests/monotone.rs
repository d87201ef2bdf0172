//! Approvals only ever add, and time only ever takes away.

use proptest::prelude::*;

use super::*;

const PEOPLE: [(&str, &[&str]); 6] = [
    ("ana", &["manager"]),
    ("bea", &["qa"]),
    ("ben", &["qa"]),
    ("cy", &["dev"]),
    ("dee", &["dev", "qa"]),
    ("mallory", &["dev", "qa", "manager"]),
];

/// Somebody says something about a gate, so many minutes before `now`.
#[derive(Clone, Debug)]
struct Word {
    gate: usize,
    person: usize,
    role: usize,
    minutes: i64,
    /// How it is spoiled, or not.
    spoiled: u8,
    rejects: bool,
}

fn word() -> impl Strategy<Value = Word> {
    (0usize..3, 0usize..6, 0usize..3, 0i64..4_000, 0u8..8, 0u8..8).prop_map(
        |(gate, person, role, minutes, spoiled, no)| Word {
            gate,
            person,
            role,
            minutes,
            spoiled,
            rejects: no == 0,
        },
    )
}

/// The words that are needed, at most times in force, in any order and among others.
fn words() -> impl Strategy<Value = Vec<Word>> {
    let needed = [
        (0, 3, 0),
        (1, 1, 0),
        (1, 2, 0),
        (2, 3, 0),
        (2, 1, 0),
        (2, 0, 0),
    ];
    let needed = needed.map(|(gate, person, role)| Word {
        gate,
        person,
        role,
        minutes: 60,
        spoiled: 7,
        rejects: false,
    });
    (prop::collection::vec(word(), 0..8), any::<u8>()).prop_map(move |(mut words, left_out)| {
        let kept = needed.iter().enumerate();
        words.extend(
            kept.filter(|(place, _)| *place != usize::from(left_out % 16))
                .map(|(_, word)| word.clone()),
        );
        let turn = usize::from(left_out) % words.len();
        words.rotate_left(turn);
        words
    })
}

fn case(words: &[Word]) -> Case {
    let mut case = Case::new();
    for word in words {
        let (person, roles) = PEOPLE[word.person];
        let role = roles[word.role % roles.len()];
        let gate = case.gates[word.gate].id.clone();
        if word.rejects {
            case.reject(gate.as_str(), role, person);
            continue;
        }
        let mut sign_off = case.sign_off(gate.as_str(), role);
        match word.spoiled {
            0 => sign_off.binding.artifacts = Digest::of(b"another"),
            1 => {
                sign_off.answers.retain(|it| it.item.as_str() != "flags");
            }
            _ => {}
        }
        let at = case.now - TimeDelta::minutes(word.minutes);
        case.append(person, at, Body::SignedOff(sign_off));
    }
    case
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    // req: B3, req: B5
    #[test]
    fn another_sign_off_never_turns_go_into_no_go(words in words(), more in word()) {
        let before = case(&words);
        let more = Word { rejects: false, ..more };
        let after = case(&[words, vec![more]].concat());
        for gate in &before.gates {
            if is_signed(&before.inquiry(), gate) {
                prop_assert!(is_signed(&after.inquiry(), gate), "{}", gate.id);
            }
        }
        prop_assert!(before.decision() != Decision::Go || after.decision() == Decision::Go);
    }

    /// Unless it is what kept a person from signing the other side: no gate here has another side.
    #[test]
    fn one_sign_off_less_never_turns_no_go_into_go(words in words(), index in any::<prop::sample::Index>()) {
        let mut gates = gates();
        gates[1].distinct_from = None;
        let mut fewer = words.clone();
        let removed = fewer.remove(index.index(words.len()));
        prop_assume!(!removed.rejects);
        let (mut before, mut after) = (case(&words), case(&fewer));
        before.gates.clone_from(&gates);
        after.gates.clone_from(&gates);
        // What is bound to the gate was bound to the other one.
        let rebound = |case: &Case| {
            let mut rebound = Case { gates: gates.clone(), ..Case::new() };
            for record in case.history.records() {
                let mut body = record.body.clone();
                if let Body::SignedOff(fact) = &mut body {
                    let artifacts = fact.binding.artifacts;
                    fact.binding = binding(&rebound.inquiry(), rebound.gate(fact.gate.as_str()), artifacts);
                }
                rebound.append(&record.by, record.at, body);
            }
            rebound
        };
        let (before, after) = (rebound(&before), rebound(&after));
        prop_assert!(before.decision() == Decision::Go || after.decision() != Decision::Go);
    }

    /// But for a gate that can be signed from a moment on, and nothing here is dated in the future.
    #[test]
    fn time_never_turns_no_go_into_go(words in words(), hours in 0i64..400) {
        let early = case(&words);
        let late = Case { now: early.now + TimeDelta::hours(hours), ..case(&words) };
        prop_assert!(early.decision() == Decision::Go || late.decision() != Decision::Go);
        for gate in &early.gates {
            if is_signed(&late.inquiry(), gate) {
                prop_assert!(is_signed(&early.inquiry(), gate), "{}", gate.id);
            }
        }
    }
}

/// Somebody waives something, so many minutes before `now`, for so long.
#[derive(Clone, Debug)]
struct Exception {
    item: usize,
    person: usize,
    minutes: i64,
    minutes_long: i64,
    /// How it is spoiled, or not.
    spoiled: u8,
    withdrawn: bool,
}

/// What can be waived, and what cannot.
const ITEMS: [&str; 11] = [
    "code/dev",
    "quality/qa",
    "go/dev",
    "go/qa",
    "go/manager",
    "code/ci",
    "code/flags",
    "expected",
    "back",
    "rollback.plan",
    "ledger",
];

fn exceptions() -> impl Strategy<Value = Vec<Exception>> {
    let one = (
        0..ITEMS.len(),
        // The manager, who may, more often than the others.
        (0usize..12).prop_map(|person| if person < 6 { person } else { 0 }),
        0i64..2_000,
        0i64..20_000,
        0u8..8,
        0u8..6,
    )
        .prop_map(
            |(item, person, minutes, minutes_long, spoiled, no)| Exception {
                item,
                person,
                minutes,
                minutes_long,
                spoiled,
                withdrawn: no == 0,
            },
        );
    prop::collection::vec(one, 0..10)
}

/// The same case with waivers of whatever is asked for, whether anybody may make them or not.
fn excepted(mut case: Case, exceptions: &[Exception]) -> Case {
    let authority = case.policy.authority.as_mut().expect("authority");
    authority.waive = Some(vec!["manager".parse().expect("a name")]);
    case.policy.waivers = Some(from_json(serde_json::json!({"distinct": false})));
    let mut known = Vec::new();
    for id in ITEMS {
        known.extend(find(&case.inquiry(), id).ok());
    }
    for (exception, number) in exceptions.iter().zip(100..) {
        let id = ITEMS[exception.item];
        let review: crate::domain::ids::ObligationId = format!("O{number}").parse().expect("an id");
        let (person, roles) = PEOPLE[exception.person];
        let (at, now) = (case.now - TimeDelta::minutes(exception.minutes), case.now);
        let role: RoleName = roles[0].parse().expect("a name");
        let bound = match known.iter().find(|it| it.id == id).map(|it| &it.terms) {
            Some(Terms::Bound(digest)) => *digest,
            _ => Digest::of(b"anything"),
        };
        let waiver = crate::domain::record::body::Waiver {
            repository: None,
            requirement: id.to_owned(),
            role: role.clone(),
            reason: if exception.spoiled == 0 {
                " "
            } else {
                "urgent"
            }
            .to_owned(),
            until: at + TimeDelta::minutes(exception.minutes_long),
            bound: if exception.spoiled == 1 {
                Digest::of(b"another")
            } else {
                bound
            },
            found: "missing".to_owned(),
            review: (exception.spoiled != 2).then(|| review.clone()),
            obligations: vec![from_json(serde_json::json!({
                "id": review, "title": "review", "role": "qa", "due": "2026-11-21T18:00:00Z",
            }))],
        };
        case.append(person, at, Body::Waived(waiver));
        if exception.withdrawn {
            let back = crate::domain::record::body::WaiverWithdrawn {
                requirement: id.to_owned(),
                role,
            };
            case.append(person, now, Body::WaiverWithdrawn(back));
        }
    }
    case
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(100))]

    // req: C8
    #[test]
    fn no_waiver_lets_through_what_cannot_be_waived(words in words(), exceptions in exceptions(), broken in 0u8..4) {
        let mut case = excepted(case(&words), &exceptions);
        match broken {
            0 => { case.facts.step_problems.insert("back".parse().expect("a name"), "gone".to_owned()); }
            1 => case.notes.rollback = None,
            2 => case.notes.verification = None,
            _ => { case.deploy_and_break(); }
        }
        prop_assert_eq!(case.decision(), Decision::NoGo);
    }

    #[test]
    fn a_waiver_never_turns_go_into_no_go_and_stands_in_for_its_own_alone(
        words in words(), exceptions in exceptions(),
    ) {
        let before = excepted(case(&words), &[]);
        let after = excepted(case(&words), &exceptions);
        prop_assert!(before.decision() != Decision::Go || after.decision() == Decision::Go);
        let (before, after) = (before.readiness(), after.readiness());
        for with in &after.requirements {
            let plain = before.requirements.iter().find(|it| it.id == with.id);
            // An item that people confirm is told apart from the approval where somebody waived it.
            let Some(plain) = plain else {
                prop_assert_eq!(with.subject, Subject::Item);
                continue;
            };
            let own = exceptions.iter().any(|it| ITEMS[it.item] == with.id);
            prop_assert!(own || with.status != Status::Waived, "{} was not waived", with.id);
            prop_assert!(!plain.status.is_enough() || with.status.is_enough(), "{} got worse", with.id);
        }
    }

    #[test]
    fn time_never_turns_no_go_into_go_with_waivers_either(
        words in words(), exceptions in exceptions(), hours in 0i64..400,
    ) {
        let early = excepted(case(&words), &exceptions);
        let late = excepted(case(&words), &exceptions);
        let late = Case { now: early.now + TimeDelta::hours(hours), ..late };
        prop_assert!(early.decision() == Decision::Go || late.decision() != Decision::Go);
        let early = early.readiness().requirements;
        for after in &late.readiness().requirements {
            let before = early.iter().find(|it| it.id == after.id).expect("the same waivers");
            if after.status == Status::Waived {
                prop_assert!(before.status.is_enough(), "{} was not waived before", before.id);
            }
        }
    }

    #[test]
    fn one_waiver_less_never_turns_no_go_into_go(
        words in words(), exceptions in exceptions(), index in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!exceptions.is_empty());
        let mut fewer = exceptions.clone();
        let removed = fewer.remove(index.index(exceptions.len()));
        prop_assume!(!removed.withdrawn);
        let before = excepted(case(&words), &exceptions);
        let after = excepted(case(&words), &fewer);
        prop_assert!(before.decision() == Decision::Go || after.decision() != Decision::Go);
    }
}
