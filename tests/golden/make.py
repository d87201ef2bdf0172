#!/usr/bin/env python3
"""Makes a golden ledger: releases that together hold a record of every kind, written by one version of relgate.

    python3 make.py RELGATE FOLDER        (Linux; needs ssh-keygen; under a minute)

FOLDER is made. The keys that sign are made anew and thrown away; only their public halves are kept.
"""
import hashlib, json, os, shutil, subprocess, sys, tempfile, threading, time

RELGATE, TARGET = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PEOPLE = {"dana": ("developer", "ed25519"), "quin": ("qa-lead", "ecdsa"), "rory": ("release-manager", "ed25519"), "omar": ("operations", "ecdsa")}
POLICY = """version: 1
product: Shop
%s
people:
  dana: { name: Dana, email: dana@shop.example, roles: [developer] }
  quin: { name: Quin, email: quin@shop.example, roles: [qa-lead] }
  rory: { name: Rory, email: rory@shop.example, roles: [release-manager] }
  omar: { name: Omar, email: omar@shop.example, roles: [operations] }
roles:
  developer: {}
  qa-lead: {}
  release-manager: {}
  operations: {}
priorities:
  critical: { window: 2s, on_expiry: rollback }
  lower: { window: 90s, on_expiry: rollback }
  asked: { window: 1s, on_expiry: decide }
default_priority: critical
triggers:
  data-at-risk: { priority: critical }
authority:
  deploy: [operations]
  verify: [operations, qa-lead]
  resolve: [qa-lead]
  escalate: [qa-lead, release-manager]
  rollback: [release-manager]
  close: [release-manager]
  waive: [release-manager]
waivers: { max: 2d, review: { role: qa-lead, due: 24h } }
deployment_checklist: { passes: 2, owner: operations }
follow_up:
  - { after: rollback, title: Find the root cause, role: developer, due: next-business-day, document: rca }
  - { after: incident, title: Tell those who were alerted, role: operations, due: 1h }
"""
CHECKLIST = """gates:
  - id: development
    title: Development hands over
    phase: pre-release
    role: developer
    items:
      - { id: merged, title: All changes are merged, optional: false }
      - { id: load-tested, title: The load test passed }
  - id: qa
    title: QA has tested the candidate
    phase: pre-release
    role: qa-lead
    after: [development]
    items:
      - { id: tested, title: Regression tests passed, optional: false }
      - { id: up, title: The shop is up, probe: { id: up, command: { argv: [test, -f, live/home], expect: { exit: 0 } } } }
  - id: closure
    title: The release is done
    phase: closure
    role: release-manager
    items:
      - { id: lessons, title: Lessons were learned, optional: false }
"""
NOTES = """---
release: %(release)s
type: minor
reason: The spring catalogue needs the wish list.
deploy_at: 2036-01-01T00:00:00Z
team: Catalogue team
previous: 1.0.0
deployment:
  strategy: canary
  stages: [ { id: canary }, { id: full } ]
  checklist:
    - { id: live, title: The version is live, probe: { id: live, command: { argv: [grep, -qx, %(release)s, live/version], expect: { exit: 0 } } } }
    - { id: kept, title: The old version is kept beside it }
verification:
  within: 20s
  probes:
    - { id: home-page, title: The home page is shown, command: { argv: [test, -f, live/home], expect: { exit: 0 } }, every: 1s, failures: 1 }
    - { id: search, title: The search answers, command: { argv: [test, -f, live/search], expect: { exit: 0 } }, every: 1s, failures: 1, priority: lower }
    - { id: errors, title: Errors are as before, metric: { json: { file: live/errors.json, path: $.errors }, expect: { no_worse_than: 50%%, floor: 10 } } }
rollback:
  attempts: 2
  plan:
    - { id: flag, title: Switch the wish list off, kind: feature-flag, argv: [./step.sh, flag], timeout: 20s }
    - { id: version, title: Send users back, kind: code, argv: [./step.sh, version], timeout: 20s }
  target_probe: { id: old-live, command: { argv: [grep, -qx, 1.0.0, live/version], expect: { exit: 0 } } }
  verify:
    - { id: home-after, title: The old home page is shown, command: { argv: [test, -f, live/home], expect: { exit: 0 } }, every: 1s }
  verify_within: 3s
  drill: { env: { SHOP: staging } }
---

## Summary

Customers can keep things on a wish list.

## Changes

- Added: a wish list.

## Known issues

- The wish list is not printed.

## Expected behaviour

- The navigation has four entries.
"""
STEP = """#!/bin/sh
# Fails while live/broken is there.
test ! -f live/broken || exit 3
test "$1" = flag || test "${SHOP:-}" = staging || printf '%s\\n' "$RELGATE_PREVIOUS" >live/version
test "${SHOP:-}" = staging || touch live/home live/search
echo "$1 done"
"""


class Team:
    def __init__(self, name, signed):
        self.path = tempfile.mkdtemp(prefix="golden-")
        self.name, self.signed = name, signed
        self.write("relgate.yaml", POLICY % ("signatures: required\n" if signed else ""))
        self.write(".relgate/checklists/standard.yaml", CHECKLIST)
        self.write("step.sh", STEP)
        os.chmod(self.at("step.sh"), 0o755)
        for file, text in (("version", "1.0.0\n"), ("home", ""), ("search", ""), ("errors.json", '{"errors": 4}')):
            self.write("live/" + file, text)
        signers = ""
        if signed:
            for person, (_, kind) in PEOPLE.items():
                key = self.at("keys/" + person)
                os.makedirs(os.path.dirname(key), exist_ok=True)
                subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", key], check=True)
                signers += "%s@shop.example %s\n" % (person, open(key + ".pub").read().strip())
            self.write(".relgate/allowed_signers", signers)

    def at(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.at(name)), exist_ok=True)
        with open(self.at(name), "w") as file:
            file.write(text)

    def release(self, release):
        self.write("releases/%s/release-notes.md" % release, NOTES % {"release": release})
        self.write("releases/%s/checklist.yaml" % release, "extends: standard\n")
        self.current = release

    def run(self, by, *args, codes=(0,)):
        env = {"PATH": os.environ["PATH"], "HOME": self.path, "TZ": "UTC", "LC_ALL": "C.UTF-8", "RELGATE_BY": by}
        if self.signed:
            env["RELGATE_SIGNING_KEY"] = self.at("keys/" + by)
        # A host of its own name, so that no machine's stands in the records.
        line = ["unshare", "--uts", "sh", "-c", 'hostname golden && exec "$0" "$@"', RELGATE, *args, "--release", self.current]
        done = subprocess.run(line, cwd=self.path, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode in codes, (args, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def go(self, development=True):
        if development:
            self.run("dana", "sign", "development", "--all", "--yes")
        self.run("quin", "sign", "qa", "--all", "--yes")
        self.run("omar", "baseline", "capture")

    def deploy(self, stage):
        self.run("omar", "deploy", "start", "--stage", stage)
        self.write("live/version", self.current + "\n")
        self.run("omar", "deploy", "done", "--stage", stage)

    def keep(self):
        for folder, _, files in os.walk(self.path):
            for file in files:
                path = os.path.join(folder, file)
                name = os.path.relpath(path, self.path)
                if name.startswith(("keys", "live")) or "/output/" in name or file.startswith((".lock", ".watch", ".rollback")):
                    continue
                target = os.path.join(TARGET, self.name, name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(path, target)
        shutil.rmtree(self.path)


def closed(team, release):
    """Goes its way to the end, with a rejection, waivers, and an incident that is resolved."""
    team.release(release)
    team.run("dana", "sign", "development", "--reject", "--reason", "A change is missing")
    team.run("dana", "sign", "development", "--all", "--yes")
    team.run("rory", "waive", "qa/qa-lead", "--reason", "QA is at sea", "--until", "24h")
    team.run("rory", "waive", "qa/qa-lead", "--withdraw")
    team.run("quin", "due", "settle", "O1", "--how", "It was taken back")
    team.run("rory", "rollback", "--drill")
    team.go(development=False)
    team.run("rory", "check")
    for stage in ("canary", "full"):
        team.deploy(stage)
        team.run("quin", "verify", "--stage", stage, "--all", "--yes")
    team.run("omar", "incident", "open", "--title", "Orders are slow", "--priority", "lower", "--no-watch", codes=(1,))
    team.run("quin", "incident", "resolve", "I1", "--how", "The cache was cleared")
    team.run("omar", "due", "settle", "O2", "--how", "By telephone")
    team.run("rory", "sign", "closure", "--all", "--yes")
    team.run("rory", "close")


def main():
    plain = Team("plain", False)
    closed(plain, "2.0.0")
    signed = Team("signed", True)
    closed(signed, "2.0.0")
    for team in (plain, signed):
        team.release("2.1.0")
        team.go()
        team.deploy("canary")
        team.run("omar", "incident", "open", "--title", "Who decides?", "--priority", "asked", "--no-watch", codes=(1,))
        time.sleep(1.2)
        team.run("omar", "watch", codes=(0, 1))
        team.run("quin", "incident", "resolve", "I1", "--how", "It was decided")
        os.remove(team.at("live/search"))
        team.run("quin", "verify", "--stage", "canary", "--all", "--yes", "--no-watch", codes=(1,))
        watch(team, 12)
        team.run("rory", "incident", "escalate", "I2", "--priority", "critical", "--reason", "It spreads")
        team.write("live/broken", "")
        mender = threading.Timer(4, lambda: os.remove(team.at("live/broken")))
        mender.start()
        team.run("omar", "watch", codes=(5,))
        with open(team.at("releases/2.1.0/documents/rca.md"), "a") as document:
            document.write("\nThe search index was not built anew.\n")
        team.run("dana", "due", "settle", owed(team, "Find the root cause"), "--how", "See the document")
        team.release("2.2.0")
        team.go()
        team.deploy("canary")
        team.write("live/broken", "")
        team.run("rory", "rollback", "--reason", "Orders are lost", "--yes", codes=(6,))
        note(team, "the records before this one were written late: the disk was full")
        os.remove(team.at("live/broken"))
    plain.keep()
    signed.keep()


def watch(team, seconds):
    """Watches for a while: a checkpoint is written ten seconds after an opening."""
    env = {"PATH": os.environ["PATH"], "HOME": team.path, "TZ": "UTC", "RELGATE_BY": "omar"}
    line = ["unshare", "--uts", "sh", "-c", 'hostname golden && exec "$0" "$@"', RELGATE, "watch", "--release", team.current]
    process = subprocess.Popen(line, cwd=team.path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    time.sleep(seconds)
    process.terminate()
    process.wait(10)


def note(team, text):
    """What a driver notes after it could not write for a while, which is hard to bring about: written here, canonical."""
    ledger = team.at("releases/%s/ledger" % team.current)
    last = sorted(name for name in os.listdir(ledger) if name.endswith(".json"))[-1]
    with open(os.path.join(ledger, last)) as file:
        at = json.load(file)["at"]
    record = {"at": at, "body": {"text": text}, "by": "relgate", "host": "golden", "kind": "noted",
              "parents": [last[:-5].rsplit("-", 1)[1]], "release": team.current, "version": 1}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    name = "%s-noted-%s.json" % (at.replace("-", "").replace(":", ""), hashlib.sha256(text.encode()).hexdigest())
    with open(os.path.join(ledger, name), "w") as file:
        file.write(text)


def owed(team, title):
    due = json.loads(team.run("dana", "due", "--format", "json"))
    return next(it["id"] for it in due["result"]["obligations"] if it["title"] == title)


main()
