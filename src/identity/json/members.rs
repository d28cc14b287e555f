//! The members of a JSON object.

use super::{Json, Text, without_much_room};

/// Members, each name once. They stand as they were written, but many stand in the order of their
/// names: comparing a few with one another is quicker than sorting them, and takes too long with the
/// thousands of a hostile object.
#[derive(Debug, Clone, Default)]
pub struct Members(Vec<(Text, Json)>);

/// So many are sorted.
const MANY: usize = 64;

impl Members {
    /// These members; `None` if a name stands twice.
    pub fn of(mut members: Vec<(Text, Json)>) -> Option<Self> {
        let is_twice = if members.len() < MANY {
            is_any_twice(&members)
        } else {
            sort(&mut members);
            members.windows(2).any(|pair| matches!(pair, [(one, _), (next, _)] if one == next))
        };
        (!is_twice).then(|| Self(without_much_room(members)))
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.place(name).ok().and_then(|place| self.0.get(place)).map(|(_, value)| value)
    }

    /// True if there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Adds a member, unless there is one of this name.
    pub fn add(&mut self, name: &str, value: Json) {
        if let Err(place) = self.place(name) {
            self.0.insert(place, (name.into(), value));
        }
        if self.0.len() == MANY {
            sort(&mut self.0);
        }
    }

    /// Takes a member away.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        self.place(name).ok().map(|place| self.0.remove(place).1)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        let mut members: Vec<_> =
            self.0.iter().map(|(name, value)| (name.as_str(), value)).collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        members.into_iter()
    }

    /// Where the member of this name stands, or may be put.
    fn place(&self, name: &str) -> Result<usize, usize> {
        if self.0.len() < MANY {
            return self.0.iter().position(|(other, _)| other == name).ok_or(self.0.len());
        }
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(name))
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl IntoIterator for Members {
    type Item = (Text, Json);
    type IntoIter = std::vec::IntoIter<(Text, Json)>;

    /// In the order of their names.
    fn into_iter(self) -> Self::IntoIter {
        let mut members = self.0;
        sort(&mut members);
        members.into_iter()
    }
}

fn sort(members: &mut [(Text, Json)]) {
    members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
}

/// Compares each name with those behind it.
fn is_any_twice(members: &[(Text, Json)]) -> bool {
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    let mut rest = names.as_slice();
    while let [name, later @ ..] = rest {
        if later.contains(name) {
            return true;
        }
        rest = later;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(names: &[&str]) -> Option<Members> {
        let numbered = names.iter().zip(0..);
        Members::of(numbered.map(|(name, at)| ((*name).into(), Json::Integer(at))).collect())
    }

    #[test]
    fn each_is_found_by_its_name_alone() {
        let mut found = members(&["sub", "iss", "", "issuer", "é"]).unwrap();
        for (name, at) in [("sub", 0), ("iss", 1), ("", 2), ("issuer", 3), ("é", 4)] {
            assert_eq!(found.get(name), Some(&Json::Integer(at)), "{name}");
        }
        assert!(found.get("is").is_none() && !found.contains("ISS"));
        let names: Vec<&str> = found.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["", "iss", "issuer", "sub", "é"]);

        found.add("iss", Json::Null);
        found.add("exp", Json::Null);
        assert_eq!(found.get("iss"), Some(&Json::Integer(1)), "it was there");
        assert_eq!(found.get("exp"), Some(&Json::Null));
        assert_eq!(found.remove("iss"), Some(Json::Integer(1)));
        assert_eq!((found.remove("iss"), found.len()), (None, 5));
    }

    #[test]
    fn many_are_found_as_few_are() {
        let names: Vec<String> = (0..200).rev().map(|number| format!("n{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for count in [MANY - 1, MANY, MANY + 1, 200] {
            let (mut few, chosen) = (members(&[]).unwrap(), names.get(..count).unwrap());
            let mut many = members(chosen).unwrap();
            for (name, at) in chosen.iter().zip(0..) {
                assert_eq!(many.get(name), Some(&Json::Integer(at)), "{name} of {count}");
                few.add(name, Json::Integer(at));
            }
            assert_eq!(few, many);
            assert!(many.get("n").is_none() && !many.contains("n2000"));
            let (twice, rest) = (chosen.repeat(2), chosen.get(1..).unwrap());
            assert!(members(&twice).is_none());
            assert_eq!(many.remove(chosen[0]), Some(Json::Integer(0)));
            assert!(rest.iter().all(|name| many.contains(name)), "{count}");
        }
    }

    #[test]
    fn a_name_stands_once() {
        assert!(members(&["a", "b", "a"]).is_none());
        assert!(members(&["b", "a", "B"]).is_some());
        assert!(members(&[]).unwrap().is_empty());
    }
}
