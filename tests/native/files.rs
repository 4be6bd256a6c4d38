//! A real folder.

use mainstay::{
    host::{FileError, Files},
    native::FolderFiles,
};
use tempfile::TempDir;

use super::{handle, name};

const LIMIT: usize = 1024;

fn folder() -> (TempDir, FolderFiles) {
    let parent = TempDir::new().unwrap();
    let files = FolderFiles::new(parent.path().join("deep").join("vault"), handle());
    (parent, files)
}

#[tokio::test]
async fn a_file_is_created_overwritten_renamed_listed_and_removed() {
    let (_parent, files) = folder();
    assert_eq!(files.list().await.unwrap(), []);
    assert_eq!(files.read(&name("a"), LIMIT).await.unwrap(), None);
    files.create(&name("a"), b"long content".to_vec()).await.unwrap();
    assert_eq!(files.create(&name("a"), Vec::new()).await, Err(FileError::Exists));
    files.overwrite(&name("a"), b"short".to_vec()).await.unwrap();
    files.sync(&name("a")).await.unwrap();
    files.create(&name("b"), b"replaced".to_vec()).await.unwrap();
    files.rename(&name("a"), &name("b")).await.unwrap();
    files.sync_folder().await.unwrap();
    assert_eq!(files.read(&name("b"), LIMIT).await.unwrap().as_deref(), Some(b"short".as_slice()));
    assert_eq!(files.list().await.unwrap(), [name("b")]);
    files.remove(&name("b")).await.unwrap();
    files.remove(&name("b")).await.unwrap();
    assert_eq!(files.list().await.unwrap(), []);
    for missing in [files.overwrite(&name("a"), Vec::new()).await, files.rename(&name("a"), &name("b")).await] {
        assert_eq!(missing, Err(FileError::Missing));
    }
}

#[tokio::test]
async fn foreign_names_are_not_listed() {
    let (parent, files) = folder();
    files.create(&name("a"), Vec::new()).await.unwrap();
    for foreign in [".hidden", "UPPER", "sp ace"] {
        std::fs::write(parent.path().join("deep/vault").join(foreign), b"").unwrap();
    }
    assert_eq!(files.list().await.unwrap(), [name("a")]);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_enter_the_folder_or_read_a_file() {
    use std::os::unix::fs::PermissionsExt;
    let (parent, files) = folder();
    let path = parent.path().join("deep/vault");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    files.create(&name("a"), Vec::new()).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join("a"))), (0o700, 0o600));
}

#[cfg(unix)]
#[tokio::test]
async fn links_fifos_folders_and_giants_are_refused_at_once() {
    let (parent, files) = folder();
    files.create(&name("a"), b"secret".to_vec()).await.unwrap();
    let path = parent.path().join("deep/vault");
    std::os::unix::fs::symlink(path.join("a"), path.join("link")).unwrap();
    std::fs::create_dir(path.join("folder")).unwrap();
    std::process::Command::new("mkfifo").arg(path.join("fifo")).status().unwrap();
    std::fs::File::create(path.join("giant")).unwrap().set_len(1 << 30).unwrap();
    for odd in ["link", "folder", "fifo", "giant"] {
        assert_eq!(files.read(&name(odd), LIMIT).await, Err(FileError::NotAFile), "{odd}");
    }
    for odd in ["link", "folder", "fifo"] {
        assert_eq!(files.overwrite(&name(odd), Vec::new()).await, Err(FileError::NotAFile), "{odd}");
    }
    assert_eq!(std::fs::read(path.join("a")).unwrap(), b"secret");
}

#[tokio::test]
async fn a_watch_tells_of_files_that_come_and_ends_with_its_folder() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("vault");
    let files = FolderFiles::new(&path, handle());
    assert!(files.watch().await.is_none(), "there is no folder yet");
    files.create(&name("a.new"), b"content".to_vec()).await.unwrap();
    let mut watch = files.watch().await.unwrap();
    files.rename(&name("a.new"), &name("a")).await.unwrap();
    assert!(watch.changed().await);
    std::fs::remove_dir_all(&path).unwrap();
    while watch.changed().await {}
}
