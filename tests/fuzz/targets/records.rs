//! Records of a ledger and bundles of them, byte by byte.

use relgate::domain::audit;
use relgate::domain::bundle::Bundle;
use relgate::domain::ids::Digest;
use relgate::domain::record::{Record, check_canonical, id_of_file_name};

/// Reads the bytes as both.
pub fn target(data: &[u8]) {
    if let Ok(record) = Record::from_bytes(data) {
        read(&record, data);
    }
    if let Ok(bundle) = Bundle::from_bytes(data) {
        let again = Bundle::from_bytes(&bundle.to_bytes()).expect("what was written");
        assert_eq!(again, bundle);
        assert_eq!(again.policy_digest(), bundle.policy_digest());
        let sound = bundle.sound_records().len();
        assert!(sound <= bundle.records.len());
        let faults = bundle.faults("bundle.json");
        assert!(
            !faults.is_empty() || sound == bundle.records.len(),
            "a record of it is not sound, and nothing is said"
        );
    }
    let _ = check_canonical(data);
}

/// What is written of a record reads back to the same, and names itself.
fn read(record: &Record, data: &[u8]) {
    assert_eq!(record.id, Digest::of(data));
    let name = record.file_name();
    assert_eq!(id_of_file_name(&name), Some(record.id), "{name}");
    assert!(!name.contains(['/', '\\', '\0']), "{name}");
    let examined = audit::examine(&name, data);
    assert!(examined.is_ok() || record.signature.is_some());

    assert_eq!(record.bytes(), data);
    if check_canonical(data).is_err() {
        // It may hold a number that canonical JSON does not have, as none that is written does.
        return;
    }
    assert_eq!(examined.ok().as_ref(), Some(record));
    assert_eq!(
        record.clone().after(record.parents.clone()).release,
        record.release
    );
    let mut changed = data.to_vec();
    if let Some(byte) = changed.get_mut(data.len() / 2) {
        *byte ^= 1;
        assert!(audit::examine(&name, &changed).is_err());
    }
}
