//! Walking through items one by one: which one is shown, what was answered, what a key does. Pure; the terminal only
//! shows it and passes on what was typed.

use crate::domain::gate::Item;
use crate::domain::readable::is_blank;
use crate::domain::record::body::{Answer, Answered};

/// A walk through the items that a person answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    items: Vec<Item>,
    answers: Vec<Option<Answered>>,
    at: usize,
}

/// What a person does at an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It does not concern this release.
    NotApplicable,
    /// Adds a remark to the item, answered or not.
    Comment(String),
    /// One item back.
    Back,
}

/// Where a walk stands after an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next item waits.
    Go,
    /// The act does nothing here, and why.
    Stay(&'static str),
    /// Every item is answered.
    Done,
}

impl Walk {
    /// A walk through `items`, nothing answered.
    pub fn new(items: Vec<Item>) -> Self {
        let answers = vec![None; items.len()];
        Self {
            items,
            answers,
            at: 0,
        }
    }

    /// The item that waits for an answer; `None` when all are answered.
    pub fn item(&self) -> Option<&Item> {
        self.items.get(self.at)
    }

    /// The place of the item, from 1, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        ((self.at + 1).min(self.items.len()), self.items.len())
    }

    /// What was answered to the item that waits, when it was come back to.
    pub fn earlier(&self) -> Option<&Answered> {
        self.answers.get(self.at)?.as_ref()
    }

    /// Does what the person wants.
    pub fn act(&mut self, act: Act) -> Step {
        let Some(item) = self.items.get(self.at) else {
            return Step::Done;
        };
        let answer = match act {
            Act::Yes => Answer::Yes,
            Act::No => Answer::No,
            Act::NotApplicable if item.is_optional() => Answer::NotApplicable,
            Act::NotApplicable => return Step::Stay("this item cannot be left out: answer y or n"),
            Act::Comment(text) if is_blank(&text) => {
                return Step::Stay("an empty comment says nothing");
            }
            Act::Comment(text) => {
                let answer = self.answers[self.at]
                    .as_ref()
                    .map_or(Answer::No, |earlier| earlier.answer);
                let answered = Answered {
                    item: item.id.clone(),
                    answer,
                    comment: Some(text.trim().to_owned()),
                };
                self.answers[self.at] = Some(answered);
                return Step::Stay("noted; now answer the item");
            }
            Act::Back if self.at == 0 => return Step::Stay("this is the first item"),
            Act::Back => {
                self.at -= 1;
                return Step::Go;
            }
        };
        let comment = self.answers[self.at]
            .as_ref()
            .and_then(|earlier| earlier.comment.clone());
        self.answers[self.at] = Some(Answered {
            item: item.id.clone(),
            answer,
            comment,
        });
        self.at += 1;
        if self.at >= self.items.len() {
            Step::Done
        } else {
            Step::Go
        }
    }

    /// The answers, once every item has one.
    pub fn finish(self) -> Vec<Answered> {
        self.answers.into_iter().flatten().collect()
    }

    /// Yes to every item, with the same comment: for scripts that said so.
    pub fn all_yes(items: &[Item], comment: Option<&str>) -> Vec<Answered> {
        items
            .iter()
            .map(|item| Answered {
                item: item.id.clone(),
                answer: Answer::Yes,
                comment: comment.map(str::to_owned),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<Item> {
        serde_json::from_value(serde_json::json!([
            {"id": "backup", "title": "The backup is fresh"},
            {"id": "tests", "title": "The tests pass", "optional": false},
            {"id": "notes", "title": "The notes are out"},
        ]))
        .expect("items")
    }

    #[test]
    fn a_walk_goes_forth_and_back_and_keeps_comments() {
        let mut walk = Walk::new(items());
        assert_eq!(walk.act(Act::Back), Step::Stay("this is the first item"));
        assert!(matches!(
            walk.act(Act::Comment("from 17:00".into())),
            Step::Stay(_)
        ));
        assert_eq!(walk.act(Act::Yes), Step::Go);
        assert!(matches!(walk.act(Act::NotApplicable), Step::Stay(_)));
        assert_eq!(walk.act(Act::No), Step::Go);
        assert_eq!(walk.act(Act::Back), Step::Go);
        assert_eq!(walk.progress(), (2, 3));
        assert_eq!(
            walk.earlier().map(|earlier| earlier.answer),
            Some(Answer::No)
        );
        assert_eq!(walk.act(Act::Yes), Step::Go);
        assert_eq!(walk.act(Act::NotApplicable), Step::Done);
        let answers = walk.finish();
        let plain: Vec<_> = answers
            .iter()
            .map(|it| (it.answer, it.comment.as_deref()))
            .collect();
        assert_eq!(
            plain,
            [
                (Answer::Yes, Some("from 17:00")),
                (Answer::Yes, None),
                (Answer::NotApplicable, None)
            ]
        );
    }
}
