//! Partners: who may ask the partner API, and under which keys.

use crate::ids::{BuyerId, DspId, MediaId};

/// Who asks: each sees only its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partner {
    /// A buyer.
    Buyer(BuyerId),
    /// A DSP.
    Dsp(DspId),
    /// A media.
    Media(MediaId),
}

impl Partner {
    /// What it is, in words.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Buyer(_) => "buyer",
            Self::Dsp(_) => "dsp",
            Self::Media(_) => "media",
        }
    }
}

/// A partner's key: `Authorization: Bearer KEYID.SECRET`. A partner may have several, so that one can be changed while another is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerKey {
    /// The public part; no other key, a media's request keys included, has it.
    pub key_id: String,
    /// SHA-256 of the secret part.
    pub sha256: [u8; 32],
    /// Whose it is.
    pub partner: Partner,
}
