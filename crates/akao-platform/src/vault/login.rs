//! The token by which the server is known to a Vault.
//!
//! | token | first | two thirds of its time are over | refused or over |
//! |---|---|---|---|
//! | of a file | read, each time | who writes the file renews it | read again, which happened already |
//! | of an AppRole | logs in | renewed, where it can be | logs in again, but not twice within ten seconds |

use super::{
    VaultAuth,
    remote::{Granted, Remote, Trouble},
};
use akao_step::Secret;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// A token that is newer is not the reason of a refusal: the server may not, whoever it is.
const LOGIN_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A renewal that failed is tried again after so long.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How the server is known to a Vault.
pub(super) struct Login {
    auth: VaultAuth,
    session: Mutex<Option<Session>>,
}

/// A token that a login has brought.
struct Session {
    token: Secret,
    begun: Instant,
    /// When it is worth nothing any more.
    ends: Option<Instant>,
    /// When it is time to renew it.
    renew: Option<Instant>,
}

impl Session {
    fn of(granted: Granted) -> Self {
        let now = Instant::now();
        let ends = granted.lease.and_then(|lease| now.checked_add(lease));
        let renew = granted.lease.filter(|_| granted.is_renewable).and_then(|lease| now.checked_add(lease * 2 / 3));
        Self { token: granted.token, begun: now, ends, renew }
    }

    fn is_over(&self) -> bool {
        self.ends.is_some_and(|ends| ends <= Instant::now())
    }
}

impl Login {
    pub(super) fn new(auth: VaultAuth) -> Self {
        Self { auth, session: Mutex::default() }
    }

    /// A token that should be good.
    pub(super) async fn token(&self, remote: &Remote) -> Result<Secret, Trouble> {
        let (mount, role_id, secret_id_file) = match &self.auth {
            VaultAuth::Token { file } => return read(file),
            VaultAuth::AppRole { mount, role_id, secret_id_file } => (mount, role_id, secret_id_file),
        };
        let mut session = self.session.lock().await;
        if let Some(known) = session.as_mut().filter(|known| !known.is_over()) {
            if known.renew.is_some_and(|renew| renew <= Instant::now()) {
                match remote.renew(&known.token).await {
                    Ok(granted) => *known = Session { begun: known.begun, ..Session::of(granted) },
                    // It is good for a third of its time yet.
                    Err(trouble) => {
                        tracing::debug!("the token of Vault is not renewed: {}", trouble.for_operator());
                        known.renew = Instant::now().checked_add(RENEW_AGAIN_AFTER);
                    }
                }
            }
            return Ok(known.token.clone());
        }
        let granted = remote.log_in(mount, role_id, &read(secret_id_file)?).await?;
        Ok(session.insert(Session::of(granted)).token.clone())
    }

    /// Another token in place of one that was refused; none where there is no other.
    pub(super) async fn another_token(&self, remote: &Remote, refused: &Secret) -> Result<Option<Secret>, Trouble> {
        let mut session = self.session.lock().await;
        // Somebody else may have logged in since.
        if let Some(known) = session.as_ref().filter(|known| known.token == *refused) {
            if known.begun.elapsed() < LOGIN_AGAIN_AFTER {
                return Ok(None);
            }
            *session = None;
        }
        drop(session);
        let token = self.token(remote).await?;
        Ok(Some(token).filter(|token| token != refused))
    }
}

/// What a file holds, without the line's end. It is small, and read between requests that take longer.
fn read(file: &Path) -> Result<Secret, Trouble> {
    let unusable = |why: String| Trouble::Denied(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    let text = text.trim();
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Secret::new(text)),
        false => Err(unusable("it does not hold one word".to_owned())),
    }
}
