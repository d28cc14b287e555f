//! Which file is the configuration.

use std::path::{Path, PathBuf};

use super::expand::Environment;
use super::problem::ConfigError;
use crate::platform::files::CONFIGURATION;

/// The variable that names the file.
const VARIABLE: &str = "OCTOBROKER_CONFIG";

/// Where it is looked for when nobody names it.
const HERE: &str = "./octobroker.yaml";

/// The file that `flag` names, or else the variable `OCTOBROKER_CONFIG`; or the first that exists
/// of `./octobroker.yaml` and, where it is safe, `/etc/octobroker/octobroker.yaml`. A file that was
/// named must exist: another never takes its place.
pub fn find(
    flag: Option<&Path>,
    environment: Environment<'_>,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<PathBuf, ConfigError> {
    let variable = environment(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = match (flag, variable) {
        (Some(file), _) => Some((file.to_owned(), "--config".to_owned())),
        (None, Some(file)) => Some((file, format!("${VARIABLE}"))),
        (None, None) => None,
    };
    if let Some((file, by)) = named {
        if exists(&file) {
            return Ok(file);
        }
        let sentence = format!("there is no such file, which {by} names; write another path");
        return Err(ConfigError::whole_file(&file, sentence));
    }
    let places = [HERE].into_iter().chain(CONFIGURATION);
    places.map(PathBuf::from).find(|file| exists(file)).ok_or_else(|| {
        let absent = CONFIGURATION.map_or_else(
            || format!("no {HERE}"),
            |installed| format!("neither {HERE} nor {installed}"),
        );
        let sentence = format!(
            "no configuration: --config is not given, ${VARIABLE} is not set, and there is \
             {absent}; write one of these files, or name another; a sidecar needs none, \
             only --octopus-url and --service-account"
        );
        ConfigError::whole_file(Path::new(""), sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        flag: Option<&str>,
        variable: Option<&str>,
        existing: &[&str],
    ) -> Result<String, String> {
        let environment = |name: &str| {
            assert_eq!(name, "OCTOBROKER_CONFIG");
            variable.map(str::to_owned)
        };
        let exists = |file: &Path| existing.iter().any(|existing| Path::new(existing) == file);
        match find(flag.map(Path::new), &environment, &exists) {
            Ok(file) => Ok(file.display().to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_first_that_is_named_or_exists_is_taken() {
        let (here, there) = ("./octobroker.yaml", "/etc/octobroker/octobroker.yaml");
        let all = ["a.yaml", "b.yaml", here, there];
        let rows = [
            (Some("a.yaml"), Some("b.yaml"), &all[..], "a.yaml"),
            (None, Some("b.yaml"), &all[..], "b.yaml"),
            (None, None, &all[..], here),
            (None, Some(""), &all[..], here),
            (None, None, &all[3..], there),
        ];
        for (flag, variable, existing, expected) in rows {
            assert_eq!(found(flag, variable, existing).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_named_file_that_is_missing_has_no_substitute() {
        let all = ["./octobroker.yaml"];

        let by_flag = found(Some("a.yaml"), None, &all).unwrap_err();
        let by_variable = found(None, Some("b.yaml"), &all).unwrap_err();

        assert!(by_flag.starts_with("a.yaml: there is no such file, which --config names"));
        assert!(by_variable.starts_with("b.yaml: there is no such file, which $OCTOBROKER_CONFIG"));
    }

    #[test]
    fn all_places_are_named_when_none_has_it() {
        let error = found(None, None, &[]).unwrap_err();

        for place in ["--config", "$OCTOBROKER_CONFIG", "./octobroker.yaml", "/etc/octobroker/"] {
            assert!(error.contains(place), "{place}: {error}");
        }
    }
}
