//! The members of a JSON object.

use super::{Json, Text, without_much_room};

/// Members, each name once, as they were written. A few are looked up, each time from the first on:
/// that is quicker than putting them in order.
#[derive(Debug, Clone, Default)]
pub struct Members(Vec<(Text, Json)>);

impl Members {
    /// These members; `None` if a name stands twice.
    pub fn of(members: Vec<(Text, Json)>) -> Option<Self> {
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        // Comparing each with each would take too long with the thousands of a hostile object. By length
        // first: few names have the same one.
        names.sort_unstable_by_key(|name| (name.len(), *name));
        let is_twice = names.windows(2).any(|pair| matches!(pair, [one, next] if one == next));
        (!is_twice).then(|| Self(without_much_room(members)))
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// True if there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a member, unless there is one of this name.
    pub fn add(&mut self, name: &str, value: Json) {
        if !self.contains(name) {
            self.0.push((name.into(), value));
        }
    }

    /// Takes a member away.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let place = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(place).1)
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
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        members.into_iter()
    }
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
    fn many_are_members_as_few_are() {
        let names: Vec<String> = (0..5_000).rev().map(|number| format!("n{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();

        let many = members(&names).unwrap();

        assert_eq!((many.len(), many.get("n0")), (5_000, Some(&Json::Integer(4_999))));
        assert!(many.get("n").is_none() && !many.contains("n5000"));
        assert!(members(&[names.as_slice(), &["n17"]].concat()).is_none());
    }

    #[test]
    fn the_order_is_no_matter() {
        let [mut one, mut other] = [members(&["a"]).unwrap(), members(&[]).unwrap()];
        one.add("b", Json::Null);
        other.add("b", Json::Null);
        assert_ne!(one, other);
        other.add("a", Json::Integer(0));
        assert_eq!(one, other);
        assert!(one.into_iter().eq(other));
    }

    #[test]
    fn a_name_stands_once() {
        assert!(members(&["a", "b", "a"]).is_none());
        assert!(members(&["b", "a", "B"]).is_some());
        assert!(members(&[]).unwrap().is_empty());
    }
}
