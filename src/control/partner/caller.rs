//! Who asks: a partner by its key, and as which kind of partner a path takes it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::gate::Inside;
use super::problem::Problem;
use crate::event::Owner;
use crate::ids::{BuyerId, MediaId};
use crate::market::Market;
use crate::market::partner::{Partner, PartnerKey};

/// Who asks. Whatever is done for it holds its place in flight.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) partner: Partner,
    /// ACCOUNT ID of a buyer, id of a DSP or media.
    pub(super) name: String,
    pub(super) key_id: String,
    _inside: Arc<Inside>,
}

impl Caller {
    /// The partner of a key; `None` when it has left the market.
    pub(super) fn of(market: &Market, key: &PartnerKey, inside: Inside) -> Option<Self> {
        let name = match key.partner {
            Partner::Buyer(id) => market.buyers.get(id)?.account.clone(),
            Partner::Dsp(id) => market.dsps.get(id)?.wire.clone(),
            Partner::Media(id) => market.media.get(id)?.wire.clone(),
        };
        Some(Self { partner: key.partner, name, key_id: key.key_id.clone(), _inside: Arc::new(inside) })
    }

    /// As what it does is signed: `buyer 80010001`.
    pub(super) fn actor(&self) -> String {
        format!("{} {}", self.partner.kind(), self.name)
    }

    /// Whose is in the docket what is its own.
    pub(super) const fn owner(&self) -> Owner {
        match self.partner {
            Partner::Buyer(id) => Owner::Buyer(id),
            Partner::Media(id) => Owner::Media(id),
            Partner::Dsp(id) => Owner::Dsp(id),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::not_found)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident($id:ty) = $kind:ident),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug)]
            pub(super) struct $name {
                pub(super) id: $id,
                #[allow(dead_code, reason = "not every kind of partner has a path that does more than read the market")]
                pub(super) caller: Caller,
            }

            impl<S: Send + Sync> FromRequestParts<S> for $name {
                type Rejection = Problem;

                async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                    let caller = Caller::from_request_parts(parts, state).await?;
                    match caller.partner {
                        Partner::$kind(id) => Ok(Self { id, caller }),
                        _ => Err(Problem::not_found()),
                    }
                }
            }
        )+
    };
}

kinds! {
    /// A buyer asks; to others the path is not there.
    AsBuyer(BuyerId) = Buyer,
    /// A media asks; to others the path is not there.
    AsMedia(MediaId) = Media,
}
