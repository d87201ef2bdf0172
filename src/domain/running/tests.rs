//! Suites that are looked at while they are asked.

use super::*;
use crate::domain::testing::{Site, from_json};
use proptest::prelude::*;

fn probe(id: &str, extra: serde_json::Value) -> Probe {
    let mut value = serde_json::json!({"id": id, "tcp": {"address": "x:1"}});
    for (key, given) in extra.as_object().expect("an object") {
        value[key] = given.clone();
    }
    from_json(value)
}

fn id(text: &str) -> ProbeId {
    text.parse().expect("a name")
}

fn attempt(verdict: Verdict, trouble: &str) -> Attempt {
    Attempt::troubled(verdict, trouble, 12)
}

fn row<'a>(view: &'a View, id: &str) -> &'a RowView {
    let mut rows = view.rows.iter();
    rows.find(|row| row.probe.as_str() == id).expect(id)
}

#[test]
fn a_probe_is_followed_from_its_needs_to_its_verdict() {
    let mut site = Site::new("here");
    let probes = [
        probe("login", serde_json::json!({"retries": 2, "passes": 3})),
        probe("cart", serde_json::json!({"needs": ["login"]})),
    ];
    let (login, cart) = (id("login"), id("cart"));
    let mut running = Running::new(&probes, &[id("docs")], Some(60_000), &site.now());
    running.take(&Sight::Sample, &site.now());
    let view = running.view(9, &site.now());
    assert_eq!(row(&view, "cart").waits_for.as_ref(), Some(&login));
    assert_eq!(row(&view, "docs").stage, Stage::Skipped);
    assert_eq!((view.asked, view.passed, view.counts), (2, 0, true));

    running.take(
        &Sight::Asking {
            probe: &login,
            attempt: 1,
        },
        &site.now(),
    );
    site.tick(2_500);
    let view = running.view(9, &site.now());
    assert_eq!(row(&view, "login").stage, Stage::Asking { attempt: 1 });
    assert_eq!(row(&view, "login").for_ms, 2_500);
    assert_eq!(view.left_ms, Some(57_500));

    let failed = attempt(Verdict::Fail, "refused");
    let sight = Sight::Attempted {
        probe: &login,
        attempt: &failed,
        again: true,
    };
    running.take(&sight, &site.now());
    let view = running.view(9, &site.now());
    assert_eq!(row(&view, "login").stage, Stage::Pausing { retry: 1 });
    assert_eq!(row(&view, "login").reason, "refused");

    running.take(
        &Sight::Asking {
            probe: &login,
            attempt: 2,
        },
        &site.now(),
    );
    let passed = attempt(Verdict::Pass, "");
    let sight = Sight::Attempted {
        probe: &login,
        attempt: &passed,
        again: false,
    };
    running.take(&sight, &site.now());
    running.take(
        &Sight::Asking {
            probe: &cart,
            attempt: 1,
        },
        &site.now(),
    );
    let view = running.view(9, &site.now());
    assert_eq!(row(&view, "login").stage, Stage::Ended(Verdict::Pass));
    assert_eq!(row(&view, "login").took_ms, Some(12));
    assert_eq!(row(&view, "login").reason, "");
    assert_eq!(row(&view, "cart").waits_for, None);
    assert_eq!(view.passed, 1);

    // What was cut off was told by the sample alone.
    let samples = [crate::domain::testing::sample("cart", Verdict::Error)];
    running.take(&Sight::Sampled(&samples), &site.now());
    let mut sampling = Sampling::default();
    let passed = [crate::domain::testing::sample("login", Verdict::Pass)];
    sampling.take(&probes, &passed);
    running.take(&Sight::Counted(&sampling), &site.now());
    running.take(&Sight::Pauses(5_000), &site.now());
    let view = running.view(9, &site.now());
    assert_eq!(row(&view, "cart").stage, Stage::Ended(Verdict::Error));
    assert_eq!(row(&view, "cart").reason, "it came to error");
    assert_eq!(row(&view, "login").in_a_row, 1);
    assert_eq!(view.next_ms, Some(5_000));

    running.take(&Sight::Sample, &site.now());
    let view = running.view(9, &site.now());
    assert_eq!((view.sample, view.next_ms, view.passed), (2, None, 0));
    assert_eq!(row(&view, "login").stage, Stage::Queued);
    assert_eq!(row(&view, "docs").stage, Stage::Skipped);
}

#[test]
fn what_fails_or_is_asked_comes_first_where_there_is_no_room_for_all() {
    let site = Site::new("here");
    let probes: Vec<Probe> = (0..40)
        .map(|number| probe(&format!("p{number}"), serde_json::json!({})))
        .collect();
    let mut running = Running::new(&probes, &[], None, &site.now());
    running.take(&Sight::Sample, &site.now());
    let passed = attempt(Verdict::Pass, "");
    let failed = attempt(Verdict::Fail, "refused");
    for probe in &probes[..30] {
        let sight = Sight::Attempted {
            probe: &probe.id,
            attempt: &passed,
            again: false,
        };
        running.take(&sight, &site.now());
    }
    let probe = &id("p20");
    let sight = Sight::Attempted {
        probe,
        attempt: &failed,
        again: false,
    };
    running.take(&sight, &site.now());
    running.take(
        &Sight::Asking {
            probe: &id("p35"),
            attempt: 1,
        },
        &site.now(),
    );
    let view = running.view(4, &site.now());
    let shown: Vec<&str> = view.rows.iter().map(|row| row.probe.as_str()).collect();
    assert_eq!(shown, ["p20", "p35", "p30"]);
    assert_eq!(view.more, [(Group::Waiting, 8), (Group::Passed, 29)]);
    assert_eq!(running.view(40, &site.now()).rows.len(), 40);
    assert_eq!(running.view(0, &site.now()).rows.len(), 0);
}

#[test]
fn a_secret_is_not_shown() {
    let site = Site::new("here");
    let probes = [probe("a", serde_json::json!({}))];
    let mut running = Running::new(&probes, &[], None, &site.now());
    let mut secrets = Secrets::default();
    secrets.add("k3y-of-the-shop");
    let failed = attempt(Verdict::Fail, "found k3y-of-the-shop");
    let sight = Sight::Attempted {
        probe: &probes[0].id,
        attempt: &failed,
        again: false,
    };
    running.take(&sight, &site.now());
    // It may come to be known after it was found.
    running.take(&Sight::Secrets(&secrets), &site.now());
    assert_eq!(running.view(9, &site.now()).rows[0].reason, "found ***");
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn whatever_is_seen_every_probe_is_counted_once(
        seen in proptest::collection::vec((0usize..12, 0usize..6, 0u32..3), 0..60), room in 0usize..14,
    ) {
        const VERDICTS: [Verdict; 4] =
            [Verdict::Pass, Verdict::Fail, Verdict::Error, Verdict::Inconclusive];
        let mut site = Site::new("here");
        let probes: Vec<Probe> = (0..10)
            .map(|number| probe(&format!("p{number}"), serde_json::json!({"retries": number % 3})))
            .collect();
        let mut running = Running::new(&probes, &[id("left-out")], None, &site.now());
        for (number, what, count) in seen {
            site.tick(7);
            let probe = id(&format!("p{number}"));
            let brought = attempt(VERDICTS[number % 4], "x");
            let samples = [crate::domain::testing::sample(probe.as_str(), VERDICTS[what % 4])];
            running.take(&match what {
                0 => Sight::Sample,
                1 => Sight::Asking { probe: &probe, attempt: count + 1 },
                2 => Sight::Sampled(&samples),
                3 => Sight::Pauses(u64::from(count)),
                other => Sight::Attempted { probe: &probe, attempt: &brought, again: other == 4 },
            }, &site.now());
        }
        let view = running.view(room, &site.now());
        prop_assert!(view.rows.len() <= room.max(1) || view.rows.len() == 11);
        let more: usize = view.more.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(view.rows.len() + more, 11);
        prop_assert_eq!(view.asked, 10);
    }
}
