//! Signing in by OpenID Connect: the authorization code flow with PKCE, for providers that the operator has configured.
//!
//! ```text
//! begin ─► state, nonce, verifier are remembered ─► the provider's page ─► callback ─► code for ID token ─► who it is
//! ```
//! What was remembered is taken once, by the browser that began. Whoever the provider vouches for is known by (issuer, subject)
//! alone; an address links to an account only where the operator said so and the provider has verified it.

mod flow;
mod id_token;
mod identities;
mod provider;
mod remote;

pub use flow::{Begun, Callback, Wish};
pub use identities::Identity;
pub use provider::{Provider, ProviderError, Rule};

pub(crate) use flow::Flows;
pub(crate) use remote::Remotes;
