//! `octobroker export terraform`: the same end state as resources of Octopus's own provider. Nothing
//! is asked of Octopus, and no secret is in it.

mod hcl;
mod terraform;

use clap::{Args, Subcommand};

use super::load;
use crate::cli::{ConfigFlag, Environment, Exit, print};

/// In what form.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportFlags {
    #[command(subcommand)]
    form: Form,
}

#[derive(Debug, Subcommand)]
enum Form {
    /// Resources of the provider OctopusDeploy/octopusdeploy, for Terraform and what is like it.
    Terraform(ConfigFlag),
}

impl ExportFlags {
    /// Reads the configuration, and prints it in that form.
    pub(in crate::cli) fn run(&self, environment: Environment<'_>) -> Exit {
        let Form::Terraform(flag) = &self.form;
        match load(flag, environment) {
            Ok(config) => print(terraform::of(&config.wanted()).trim_end()),
            Err(exit) => exit,
        }
    }
}
