//! Finding incidents.

use std::{
    io,
    path::{Path, PathBuf},
};

use mainstay_incidents::format::{FormatError, Incident};

/// The incident that is played when none is named.
const MAIN: &str = "mews-secret-changed";

/// Why there is nothing to play.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFound {
    #[error("there is no incident `{name}`{}; --list shows what there is, and a path to a file works too",
        nearest.as_ref().map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default())]
    Name { name: String, nearest: Option<String> },
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("the catalogue cannot be read: {}: {error}", folder.display())]
    Catalogue { folder: PathBuf, error: io::Error },
}

/// The whole catalogue, the main incident first, then by name.
pub(crate) fn all() -> Result<Vec<Incident>, NotFound> {
    let mut incidents = files()?.iter().map(|file| Incident::read(file)).collect::<Result<Vec<_>, _>>()?;
    incidents.sort_by_key(|incident| (incident.name != MAIN, incident.name.clone()));
    Ok(incidents)
}

/// The one that is meant by a name or a path.
pub(crate) fn find(name_or_path: Option<&str>) -> Result<Incident, NotFound> {
    let wanted = name_or_path.unwrap_or(MAIN);
    let path = Path::new(wanted);
    if path.is_file() || wanted.ends_with(".toml") || path.components().count() > 1 {
        return Ok(Incident::read(path)?);
    }
    let file = folder().join(wanted).with_extension("toml");
    if file.is_file() {
        return Ok(Incident::read(&file)?);
    }
    Err(NotFound::Name { name: wanted.to_owned(), nearest: nearest(wanted)? })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/incidents")
}

fn files() -> Result<Vec<PathBuf>, NotFound> {
    let folder = folder();
    let entries = || -> io::Result<Vec<PathBuf>> {
        let paths = folder.read_dir()?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
        Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect())
    };
    entries().map_err(|error| NotFound::Catalogue { folder: folder.clone(), error })
}

fn nearest(wanted: &str) -> Result<Option<String>, NotFound> {
    let names = files()?.into_iter().filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()));
    let closest = names.min_by_key(|name| strsim::damerau_levenshtein(wanted, name));
    Ok(closest.filter(|name| strsim::damerau_levenshtein(wanted, name) <= name.len() / 2))
}
