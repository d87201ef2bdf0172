//! A release from its notes to its end.

use crate::team::Team;

#[test]
fn a_release_goes_from_notes_to_close() {
    let team = Team::new();
    team.run("rory", &["lint"]).code(0);
    team.run("rory", &["check"]).code(1);
    team.deploy();
    team.run("omar", &["verify", "--all", "--yes"]).code(0);
    team.run("omar", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &["check", "--phase", "closure"]).code(0);
    team.run("rory", &["close"]).code(0);
    println!(
        "{}",
        serde_json::to_string_pretty(&team.standing()).unwrap()
    );
}
