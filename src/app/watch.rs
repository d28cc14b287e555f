//! Files that are looked at again and again, until one of them holds something else.
//!
//! Contents are compared, not events: Kubernetes mounts a file as a link through a link that is
//! swapped, and editors write in ways of their own. A path is resolved anew at each look. A file is
//! read only if its metadata say that it may have changed, and taken only if it looks the same twice
//! in a row: one that is being written may be sound, and say less than it is meant to say. So a
//! moment of absence is no change either.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use tokio::fs::{self, File};
use tokio::io::AsyncReadExt;

use crate::limits;
use crate::platform::files::Stamp;

/// Watched files, and what they hold.
#[derive(Debug, Default)]
pub struct Watch {
    files: BTreeMap<PathBuf, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// At the last look; `None` for what is no file.
    stamp: Option<Stamp>,
    /// Whether two looks in a row saw the same, so that the next needs not read.
    is_settled: bool,
    /// Of what was taken: a hash of the content.
    content: Option<Vec<u8>>,
}

impl Watch {
    /// Watches these files and no others. True if there is one among them whose content was not
    /// taken.
    pub fn follow<'a>(&mut self, files: impl Iterator<Item = &'a Path>) -> bool {
        let mut before = std::mem::take(&mut self.files);
        let mut is_unknown = false;
        for file in files {
            let seen = before.remove(file);
            is_unknown |= seen.is_none() && !self.files.contains_key(file);
            self.files.entry(file.to_owned()).or_insert_with(|| seen.unwrap_or_default());
        }
        is_unknown
    }

    /// Takes the content of every file as it is now. Call it before the files are read, so that what
    /// changes in between is seen by the next look.
    pub async fn take(&mut self) {
        for (file, seen) in &mut self.files {
            let stamp = stamp(file).await;
            let content = content(file, stamp.as_ref()).await;
            *seen = Seen { stamp, is_settled: false, content };
        }
    }

    /// Looks at every file. True if one of them holds something else than what was taken, and did so
    /// at the look before; this is then taken.
    pub async fn look(&mut self) -> bool {
        let mut has_changed = false;
        for (file, seen) in &mut self.files {
            let now = stamp(file).await;
            if now != seen.stamp {
                (seen.stamp, seen.is_settled) = (now, false);
            } else if !seen.is_settled {
                seen.is_settled = true;
                let content = content(file, now.as_ref()).await;
                has_changed |= content != seen.content;
                seen.content = content;
            }
        }
        has_changed
    }
}

/// Links are followed. What is no regular file has no stamp: a pipe would wait for its writer.
async fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(file).await.ok().filter(Metadata::is_file)?;
    Some(Stamp::of(&metadata))
}

/// A hash of as much as a configuration may have, and the length.
async fn content(file: &Path, stamp: Option<&Stamp>) -> Option<Vec<u8>> {
    let stamp = stamp?;
    let mut bytes = read(file).await.ok()?;
    bytes.extend(stamp.bytes().to_be_bytes());
    Some(digest(&SHA256, &bytes).as_ref().to_vec())
}

async fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(file).await?;
    file.take(limits::CONFIG_BYTES as u64).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder of the test's own, and a watch on one file in it.
    async fn watched(name: &str) -> (PathBuf, PathBuf, Watch) {
        let folder = std::env::temp_dir();
        let folder = folder.join(format!("octobroker-watch-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("octobroker.yaml");
        fs::write(&file, "first").unwrap();
        let mut watch = Watch::default();
        assert!(watch.follow([&*file].into_iter()));
        watch.take().await;
        (folder, file, watch)
    }

    /// What the next looks say.
    async fn looks<const N: usize>(watch: &mut Watch) -> [bool; N] {
        let mut said = [false; N];
        for one in &mut said {
            *one = watch.look().await;
        }
        said
    }

    #[tokio::test]
    async fn another_content_counts_once_it_was_seen_twice() {
        let (_, file, mut watch) = watched("content").await;
        assert_eq!(looks(&mut watch).await, [false; 3]);

        fs::write(&file, "second text").unwrap();
        assert_eq!(looks(&mut watch).await, [false, true, false, false]);

        // Half a file, and then the whole.
        fs::write(&file, "thi").unwrap();
        assert_eq!(looks(&mut watch).await, [false]);
        fs::write(&file, "third").unwrap();
        assert_eq!(looks(&mut watch).await, [false, true, false]);
    }

    #[tokio::test]
    async fn the_same_content_is_no_change_however_it_was_written() {
        let (folder, file, mut watch) = watched("same").await;

        let other = folder.join("other");
        fs::write(&other, "first").unwrap();
        fs::rename(&other, &file).unwrap();

        assert_eq!(looks(&mut watch).await, [false; 4]);
    }

    #[tokio::test]
    async fn a_change_within_one_tick_of_the_file_system_s_clock_is_seen() {
        let (_, file, mut watch) = watched("tick").await;

        // As many bytes, in the same file, perhaps with the same times.
        fs::write(&file, "secnd").unwrap();

        assert!(looks::<2>(&mut watch).await.contains(&true));
    }

    #[tokio::test]
    async fn a_moment_of_absence_is_no_change_and_a_longer_one_is() {
        let (_, file, mut watch) = watched("absence").await;

        fs::remove_file(&file).unwrap();
        assert_eq!(looks(&mut watch).await, [false]);
        fs::write(&file, "first").unwrap();
        assert_eq!(looks(&mut watch).await, [false; 3]);

        fs::remove_file(&file).unwrap();
        assert_eq!(looks(&mut watch).await, [false, true, false, false]);
        fs::write(&file, "first").unwrap();
        assert_eq!(looks(&mut watch).await, [false, true, false]);
    }

    #[tokio::test]
    async fn links_are_followed_at_each_look() {
        let (folder, file, mut watch) = watched("links").await;
        for (version, text) in [("..1", "first"), ("..2", "second")] {
            fs::create_dir(folder.join(version)).unwrap();
            fs::write(folder.join(version).join("octobroker.yaml"), text).unwrap();
        }
        symlink("..1", folder.join("..data")).unwrap();
        fs::remove_file(&file).unwrap();
        symlink("..data/octobroker.yaml", &file).unwrap();
        assert_eq!(looks(&mut watch).await, [false; 3]);

        fs::remove_file(folder.join("..data")).unwrap();
        symlink("..2", folder.join("..data")).unwrap();

        assert_eq!(looks(&mut watch).await, [false, true, false]);
    }

    #[tokio::test]
    async fn what_is_taken_is_no_change_any_more() {
        let (_, file, mut watch) = watched("taken").await;

        fs::write(&file, "second text").unwrap();
        watch.take().await;

        assert_eq!(looks(&mut watch).await, [false; 3]);
    }

    #[tokio::test]
    async fn only_followed_files_count_and_new_ones_are_told() {
        let (folder, file, mut watch) = watched("followed").await;
        let other = folder.join("ca.pem");

        assert!(watch.follow([&*file, &*other].into_iter()));
        assert!(!watch.follow([&*file, &*other].into_iter()));
        watch.take().await;
        fs::write(&other, "later").unwrap();
        assert_eq!(looks(&mut watch).await, [false, true, false]);
        assert!(!watch.follow([&*file].into_iter()));
        fs::write(&other, "and again").unwrap();
        assert_eq!(looks(&mut watch).await, [false; 3]);
    }

    #[tokio::test]
    async fn a_folder_or_a_device_is_as_good_as_nothing() {
        let (_, file, mut watch) = watched("kind").await;
        for odd in [Path::new("/dev/zero"), &std::env::temp_dir()] {
            assert!(watch.follow([&*file, odd].into_iter()));
            watch.take().await;
            assert_eq!(looks(&mut watch).await, [false; 2]);
        }
    }
}
