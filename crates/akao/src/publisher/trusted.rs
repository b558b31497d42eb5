//! Whose keys a data directory trusts, for the commands about keys. The file itself is the package manager's.

use super::PublisherPlaces;
use crate::{exit::Exit, failure::Failure, wiring};
use akao_install::SettingsError;
use akao_package::trust::{Trust, TrustError};
use std::error::Error;

/// What is trusted. Where there is no file, nobody is.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub(crate) fn read_trust(places: &PublisherPlaces) -> Result<Trust, Failure> {
    akao_install::read_trust(&akao_install::Places::new(places.root())).map_err(refused)
}

/// Changes what is trusted, while nobody else does.
///
/// # Errors
/// The file cannot be read or written, or the change is not possible. Then it is as it was.
pub(crate) fn change_trust<T>(
    places: &PublisherPlaces,
    change: impl FnOnce(&mut Trust) -> Result<T, TrustError>,
) -> Result<T, Failure> {
    wiring::make_data_dir(places.root())?;
    akao_install::change_trust(&akao_install::Places::new(places.root()), change).map_err(refused)
}

fn refused(error: SettingsError) -> Failure {
    let failure = match &error {
        SettingsError::Keys(TrustError::Unknown(_)) => Failure::not_found(error.to_string()),
        SettingsError::Keys(_) => Failure::new("conflict", Exit::Failure, error.to_string()),
        _ => Failure::storage(error.to_string()),
    };
    let failure = match error.source() {
        Some(source) => failure.because(source),
        None => failure,
    };
    failure.hint(error.suggestion())
}
