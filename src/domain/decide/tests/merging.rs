//! Several clones of one repository, each with its host, people and clocks, merged at any time: a merge shuts no gate,
//! loses no incident, and reads the same to everybody.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::intents::{Intent, act, intent};
use super::machine::{goes_to_its_end, reads_the_same};
use crate::domain::history::History;
use crate::domain::ids::RecordId;
use crate::domain::record::Body;
use crate::domain::state::incident::Standing;
use crate::domain::testing::Site;

/// What happens in one clone, or between two.
#[derive(Clone, Debug)]
enum Move {
    Act(usize, Intent),
    /// The first takes in what the second has.
    Pull(usize, usize),
}

const SITES: usize = 3;

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => (0..SITES, intent()).prop_map(|(site, intent)| Move::Act(site, intent)),
        1 => (0..SITES, 0..SITES).prop_map(|(to, from)| Move::Pull(to, from)),
    ];
    prop::collection::vec(one, 1..60)
}

fn sites() -> Vec<Site> {
    let common = Site::deployed();
    (0..SITES)
        .map(|number| Site {
            host: format!("h{number}"),
            ..common.clone()
        })
        .collect()
}

/// Which thing the writer of each record meant: the incident's opening, the obligation's title.
#[derive(Default)]
struct Meant {
    incidents: BTreeMap<RecordId, RecordId>,
    obligations: BTreeMap<RecordId, String>,
}

fn pull(sites: &mut [Site], to: usize, from: usize) {
    let records = sites[from].history.records().to_vec();
    sites[to].history.extend(records);
}

fn is_whole(history: &History, meant: &Meant) {
    assert_eq!(history.anomalies(), vec![]);
    let state = history.state();
    let is_superseded = |id: &RecordId| history.superseded().iter().any(|it| it.record == *id);
    let resolved = |by: &RecordId| {
        state.incidents.values().any(
            |it| matches!(&it.standing, Standing::Resolved { origin, .. } if origin.record == *by),
        )
    };
    let mut opened = 0;
    for record in history.records() {
        match &record.body {
            Body::IncidentOpened(_) => {
                opened += 1;
                let mut known = state.incidents.values();
                assert!(
                    known.any(|it| it.opened.record == record.id),
                    "an incident is lost"
                );
            }
            Body::IncidentResolved(_) => {
                assert!(resolved(&record.id) || is_superseded(&record.id));
            }
            _ => {}
        }
    }
    assert_eq!(state.incidents.len(), opened);
    for (id, incident) in &state.incidents {
        assert_eq!(incident.id(), id);
        if let Standing::Resolved { origin, .. } | Standing::Expired(origin) = &incident.standing {
            assert_eq!(
                meant.incidents[&origin.record], incident.opened.record,
                "another incident was meant than {id}"
            );
        }
    }
    for (id, owed) in &state.obligations {
        assert_eq!(owed.obligation.id, *id);
        if let Some(settled) = &owed.settled {
            assert_eq!(
                meant.obligations[&settled.origin.record],
                owed.obligation.title
            );
        }
    }
    if let Some(rollback) = &state.rollback {
        for stage in &rollback.stages {
            let mut attempts: Vec<_> = rollback.attempts_of(&stage.stage).collect();
            attempts.pop();
            assert!(attempts.iter().all(|attempt| attempt.ended.is_some()));
        }
        let mut open = state.open_incidents();
        assert!(open.all(|it| !rollback.covers(&it.facts.stage)));
    }
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]

    #[test]
    fn merging_shuts_no_gate_loses_no_incident_and_reads_the_same(
        moves in moves(),
        luck in prop::collection::vec(any::<u8>(), 1..20),
        pieces in prop::collection::vec((any::<u64>(), any::<bool>()), 1..60),
    ) {
        let mut sites = sites();
        let mut meant = Meant::default();
        for one in &moves {
            match one {
                Move::Act(number, intent) => {
                    let site = &mut sites[*number];
                    let before = site.history.state().clone();
                    let Some(record) = act(site, &before, intent) else { continue };
                    let incident = match &record.body {
                        Body::IncidentResolved(fact) => Some(&fact.incident),
                        Body::WindowExpired(fact) => Some(&fact.incident),
                        _ => None,
                    };
                    if let Some(id) = incident {
                        meant.incidents.insert(record.id, before.incidents[id].opened.record);
                    }
                    if let Body::ObligationSettled(fact) = &record.body {
                        let owed = &before.obligations[&fact.obligation].obligation;
                        meant.obligations.insert(record.id, owed.title.clone());
                    }
                }
                Move::Pull(to, from) => {
                    pull(&mut sites, *to, *from);
                    is_whole(&sites[*to].history, &meant);
                }
            }
        }
        for from in 1..SITES {
            pull(&mut sites, 0, from);
        }
        is_whole(&sites[0].history, &meant);
        reads_the_same(&sites[0].history, &pieces);
        let mut merged = sites.swap_remove(0);
        goes_to_its_end(&mut merged, &luck);
        prop_assert_eq!(merged.history.anomalies(), vec![]);
        reads_the_same(&merged.history, &pieces);
    }
}
