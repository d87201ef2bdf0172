//! Documents that a release names, and files that answer an item.

use crate::team::{NOTES, Team};

#[test]
fn a_document_that_is_missing_or_untouched_is_no_go() {
    let team = Team::new();
    team.edit(
        NOTES,
        "deployment:\n",
        "documents:\n  guide: documents/guide.md\n  board: https://board.example/2\n\ndeployment:\n",
    );
    let template = "# Guide\n\n## Steps\n\n<!-- One line for each. -->\n";
    let guide = "releases/2.0.0/documents/guide.md";
    let written = format!("{template}\n- Restart the shop.\n");
    team.write(guide, &written);
    team.sign_all();
    team.remove(guide);
    team.run("rory", &["check"])
        .code(1)
        .says(&["documents.guide", "documents/guide.md is not there"]);
    team.write(".relgate/templates/guide.md", template);
    team.write(guide, template.replace("One line for each", "A line"));
    team.run("rory", &["check"])
        .code(1)
        .says(&["nobody has written in it"]);
    team.write(guide, &written);
    team.run("rory", &["check"]).code(0);
}
