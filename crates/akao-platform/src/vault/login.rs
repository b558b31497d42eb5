//! The token by which the server is known to a Vault.
//!
//! | token | first | two thirds of its time are over | cannot be renewed | refused or over |
//! |---|---|---|---|---|
//! | of a file | read, each time | renewed | the operator is told; who writes the file replaces it | read again, which happened already |
//! | of an AppRole | logs in | renewed | logs in again | logs in again, but not twice within ten seconds |
//!
//! It is kept alive also while nobody asks for a secret: what is needed to log in may be worth nothing any more by then.

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
use tokio::sync::{Mutex, Notify};

/// A token that is newer is not the reason of a refusal: the server may not, whoever it is.
const LOGIN_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A renewal that failed is tried again after so long, or after a tenth of the token's time where that is shorter.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How the server is known to a Vault.
pub(super) struct Login {
    auth: VaultAuth,
    session: Mutex<Option<Session>>,
    /// Told when there is another token.
    changed: Notify,
    /// The token of a file of which the operator was told that it is to be replaced. It may be read again and again.
    told: Mutex<Option<Secret>>,
}

/// A token that a login or a file has brought.
struct Session {
    token: Secret,
    begun: Instant,
    /// For how long it was good when it was granted or renewed last; none when it never ends, or that is not known yet.
    lease: Option<Duration>,
    /// When it is worth nothing any more.
    ends: Option<Instant>,
    /// When it is time to renew it.
    renew: Option<Instant>,
    is_renewable: bool,
}

impl Session {
    fn of(granted: Granted) -> Self {
        let now = Instant::now();
        let Granted { token, lease, is_renewable } = granted;
        let ends = lease.and_then(|lease| now.checked_add(lease));
        let renew = lease.and_then(|lease| now.checked_add(lease * 2 / 3));
        Self { token, begun: now, lease, ends, renew, is_renewable }
    }

    /// One of which nothing is known yet: its first renewal tells.
    fn unknown(token: Secret) -> Self {
        let now = Instant::now();
        Self { token, begun: now, lease: None, ends: None, renew: Some(now), is_renewable: true }
    }

    fn is_over(&self) -> bool {
        self.ends.is_some_and(|ends| ends <= Instant::now())
    }

    /// Whether a renewal has given as much time as there was before: near the end of what a token may have at most, it gives less
    /// and less.
    fn is_as_good(&self, granted: &Granted) -> bool {
        match (self.lease, granted.lease) {
            (Some(before), Some(now)) => now * 2 >= before,
            _ => true,
        }
    }
}

impl Login {
    pub(super) fn new(auth: VaultAuth) -> Self {
        Self { auth, session: Mutex::default(), changed: Notify::new(), told: Mutex::default() }
    }

    /// A token that should be good.
    pub(super) async fn token(&self, remote: &Remote) -> Result<Secret, Trouble> {
        let mut session = self.session.lock().await;
        if let VaultAuth::Token { file } = &self.auth {
            let token = read(file)?;
            if session.as_ref().is_none_or(|known| known.token != token) {
                *session = Some(Session::unknown(token.clone()));
                self.changed.notify_one();
            }
            return Ok(token);
        }
        if let Some(known) = session.as_ref().filter(|known| !known.is_over()) {
            return Ok(known.token.clone());
        }
        let granted = self.log_in(remote).await?;
        self.changed.notify_one();
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

    /// Renews tokens before they end, for as long as this is waited for.
    pub(super) async fn keep_alive(&self, remote: &Remote) {
        loop {
            let due = self.session.lock().await.as_ref().and_then(|known| known.renew);
            match due {
                None => self.changed.notified().await,
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => self.renew(remote).await,
                    () = self.changed.notified() => {}
                },
            }
        }
    }

    /// Gives the token more time, or takes another one. Whoever needs the present one has it meanwhile.
    async fn renew(&self, remote: &Remote) {
        let known = {
            let mut session = self.session.lock().await;
            let Some(known) = session.as_mut() else { return };
            if known.is_over() {
                // Whoever needs a secret logs in again.
                known.renew = None;
                return;
            }
            (known.token.clone(), known.is_renewable)
        };
        let (token, is_renewable) = known;
        let renewed = match is_renewable {
            true => remote.renew(&token).await,
            false => Err(Trouble::Denied("it cannot be renewed".to_owned())),
        };
        let mut session = self.session.lock().await;
        let Some(known) = session.as_mut().filter(|known| known.token == token) else { return };
        let trouble = match renewed {
            Ok(granted) if known.is_as_good(&granted) => {
                *known = Session { begun: known.begun, ..Session::of(granted) };
                return;
            }
            Ok(_) => Trouble::Denied("its time is up and renewals give little more".to_owned()),
            Err(trouble) => trouble,
        };
        let again = known.lease.map_or(RENEW_AGAIN_AFTER, |lease| RENEW_AGAIN_AFTER.min(lease / 10));
        known.renew = Instant::now().checked_add(again);
        if !matches!(trouble, Trouble::Denied(_)) {
            tracing::warn!("the token of Vault is not renewed yet: {}", trouble.for_operator());
            return;
        }
        if let VaultAuth::Token { file } = &self.auth {
            // The file is read again with the next secret.
            known.renew = None;
            let mut told = self.told.lock().await;
            if told.as_ref() != Some(&token) {
                let (file, why) = (file.display(), trouble.for_operator());
                tracing::warn!("the token in {file} is not renewed, and is to be replaced before it ends: {why}");
                *told = Some(token);
            }
            return;
        }
        drop(session);
        match self.log_in(remote).await {
            Ok(granted) => *self.session.lock().await = Some(Session::of(granted)),
            Err(trouble) => tracing::warn!("the server cannot log in to Vault again: {}", trouble.for_operator()),
        }
    }

    async fn log_in(&self, remote: &Remote) -> Result<Granted, Trouble> {
        match &self.auth {
            VaultAuth::AppRole { mount, role_id, secret_id_file } => {
                remote.log_in(mount, role_id, &read(secret_id_file)?).await
            }
            VaultAuth::Token { file } => Ok(Granted { token: read(file)?, lease: None, is_renewable: false }),
        }
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
