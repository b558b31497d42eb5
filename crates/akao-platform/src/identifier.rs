//! Typed ids of the platform: a person's never fits where a token's is wanted.

use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr, sync::Arc};
use ulid::Ulid;

macro_rules! identifier {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The id of ", $what, ": a ULID.")]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// A new id, from the time and random bits.
            pub(crate) fn new(now_ms: i64, random: u128) -> Self {
                let time = u64::try_from(now_ms).unwrap_or(0);
                Self(Ulid::from_parts(time, random).to_string().into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match Ulid::from_string(text) {
                    Ok(id) => Ok(Self(id.to_string().into())),
                    Err(_) => Err(()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

identifier!(UserId, "a person");
identifier!(TokenId, "an API token");
identifier!(ScheduleId, "a schedule");
identifier!(HookId, "a hook");
identifier!(WebhookId, "a webhook, or of a delivery");
