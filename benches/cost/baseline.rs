//! The counts that were accepted last.

use std::collections::BTreeMap;
use std::fs;

use serde::{Deserialize, Serialize};

use super::Outcome;

/// By so much a step may grow. Hash seeds and addresses differ from run to run and make 1 % or so.
pub(crate) const GROWTH_PERCENT: f64 = 5.0;

/// And by so much the program as a whole, whose threads race: 4 % has been seen.
pub(crate) const PROGRAM_GROWTH_PERCENT: f64 = 15.0;

/// What is no growth in any case: where a text happens to lie in memory makes that much.
pub(crate) const GROWTH_LEAST: f64 = 50.0;

/// Instructions of each step, and the machine on which they were counted.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Baseline {
    pub(crate) machine: String,
    pub(crate) steps: BTreeMap<String, f64>,
}

impl Baseline {
    /// With no counts yet.
    pub(crate) fn of(machine: String) -> Self {
        Self { machine, steps: BTreeMap::new() }
    }

    /// Reads a file; a missing one is of no machine.
    pub(crate) fn read(path: &str) -> Outcome<Self> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(_) => Ok(Self::default()),
        }
    }

    pub(crate) fn write(&self, path: &str) -> Outcome<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(())
    }
}
