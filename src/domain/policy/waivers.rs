//! How long an exception may last, and what it owes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Review;
use crate::domain::timespan::Timespan;

/// The rules for waivers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waivers {
    /// The longest time that a waiver lasts. Default: 1w.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Timespan>,
    /// Whether somebody else can waive a rejection. Default: false. Who made it can only sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejections: Option<bool>,
    /// Whether it takes somebody else: who could sign an approval does not waive it, and who waived does not review it.
    /// Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<bool>,
    /// The review that every waiver owes. Default: by the role that waived, on the next business day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

impl Waivers {
    /// The longest time that a waiver lasts.
    pub fn longest(&self) -> Timespan {
        const WEEK: u64 = 7 * 24 * 3_600;
        self.max.unwrap_or(Timespan::from_seconds(WEEK))
    }

    /// Whether somebody else can waive a rejection.
    pub fn may_waive_rejections(&self) -> bool {
        self.rejections.unwrap_or(false)
    }

    /// Whether who waives may neither be able to sign it nor review it.
    pub fn takes_somebody_else(&self) -> bool {
        self.distinct.unwrap_or(true)
    }
}
