//! Commands of a user that is not root. Where the tests do not run as root, they are that user.

use std::path::Path;
use std::process::Command;

use crate::team::Team;

/// A user that owns the team's folder.
pub struct User(Option<u32>);

impl User {
    /// Gives the folder to the user of this number.
    pub fn owning(team: &Team, id: u32) -> Self {
        if !rustix::process::getuid().is_root() {
            return Self(None);
        }
        let owner = id.to_string();
        let chown = Command::new("chown")
            .args(["-R", &owner])
            .arg(team.path(""))
            .status();
        assert!(chown.is_ok_and(|it| it.success()), "chown");
        Self(Some(id))
    }

    /// Makes the file or folder root's, with this mode.
    pub fn disown(path: &Path, mode: &str) {
        if rustix::process::getuid().is_root() {
            let chown = Command::new("chown").arg("0:0").arg(path).status();
            assert!(chown.is_ok_and(|it| it.success()), "chown");
        }
        let chmod = Command::new("chmod").arg(mode).arg(path).status();
        assert!(chmod.is_ok_and(|it| it.success()), "chmod");
    }

    /// The program, run by the user.
    pub fn command(&self, team: &Team, args: &[&str]) -> Command {
        self.command_in(team, &[], args)
    }

    /// The same, started by another program.
    pub fn command_in(&self, team: &Team, prefix: &[&str], args: &[&str]) -> Command {
        let here = team.command("rory", args);
        let id = self.0.map(|id| id.to_string());
        let mut words: Vec<&str> = Vec::new();
        if let Some(id) = &id {
            words.extend(["setpriv", "--reuid", id, "--regid", id, "--clear-groups"]);
        }
        words.extend(prefix);
        let Some((first, rest)) = words.split_first() else {
            return here;
        };
        let mut command = Command::new(first);
        command.args(rest).arg(here.get_program()).args(args);
        command.current_dir(team.path("")).env_clear();
        for (name, value) in here.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command
    }
}
