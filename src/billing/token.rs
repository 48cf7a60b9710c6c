//! Charge tokens: the whole charge in a notice URL, under authenticated encryption (`docs/decisions/0005-token.md`).
//!
//! ```text
//! base64url( version 3 bits, key id 5 bits ‖ synthetic IV 16 B ‖ encrypted charge )
//! ```
//! AES-256-SIV (RFC 5297) is deterministic: there is no nonce that two nodes or a restart could repeat, and no random
//! number is drawn. Version, key id and purpose are authenticated with it, so a click's token never bills.
//! The media cannot read the gross price in it (R-SECRET).

mod pack;

use std::fmt;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::event::Charge;

/// The layout that is written. 1 had two bytes of head and longer numbers; it was in no release.
pub const VERSION: u8 = 2;
/// No token is longer than this, in characters: longer ones are refused unread.
pub const LONGEST: usize = (HEAD + IV + pack::LONGEST).div_ceil(3) * 4;
/// The highest id of a key: it shares a byte with the version.
pub const HIGHEST_KEY: u8 = 31;
const HEAD: usize = 1;
/// The synthetic IV: 128 bits that authenticate.
const IV: usize = 16;

/// What a token is good for; authenticated with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// `/n/bill` and `/t/imp`: the display that is money.
    Bill = 1,
    /// `/n/win`, `/n/loss` and `/t/click`: never money.
    Notice = 2,
}

/// A key with its id.
#[derive(Clone)]
pub struct TokenKey {
    /// Its id, in clear in each token: 0 to [`HIGHEST_KEY`].
    pub id: u8,
    /// 64 random bytes: half for the synthetic IV, half for the encryption.
    pub secret: [u8; 64],
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, secret)", self.id)
    }
}

impl TokenKey {
    /// The cipher keeps working state, so each call makes its own and threads share none.
    fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new(&self.secret.into())
    }
}

/// Why a token was not opened. All of them answer 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not base64url, too short or too long.
    #[error("the token is malformed")]
    Malformed,
    /// A layout that this program does not know.
    #[error("the token's version is not known")]
    UnknownVersion,
    /// A key that was retired or never ours.
    #[error("the token's key is not known")]
    UnknownKey,
    /// Altered, forged, or made for another purpose.
    #[error("the token is not genuine")]
    NotGenuine,
}

/// Seals and opens tokens. Immutable: all threads share it, and a rotation of keys is another one.
#[derive(Debug)]
pub struct Tokens {
    keys: Vec<TokenKey>,
}

const fn head(id: u8) -> u8 {
    VERSION << 5 | id
}

impl Tokens {
    /// Tokens under these keys: the first seals, every one opens. `None` without any key, with an id twice or with one above
    /// [`HIGHEST_KEY`].
    #[must_use]
    pub fn new(keys: &[TokenKey]) -> Option<Self> {
        let twice = |(index, key): (usize, &TokenKey)| keys[..index].iter().any(|other| other.id == key.id);
        let wrong = keys.iter().any(|key| key.id > HIGHEST_KEY) || keys.iter().enumerate().any(twice);
        (!keys.is_empty() && !wrong).then(|| Self { keys: keys.to_vec() })
    }

    /// Appends the token of a charge.
    pub fn seal(&self, purpose: Purpose, charge: &Charge, out: &mut String) {
        let Some(key) = self.keys.first() else { return };
        let mut body = [0; pack::LONGEST];
        let length = pack::write(charge, &mut body);
        let body = &mut body[..length];
        // Fails for more than 126 authenticated parts only, and there is one.
        let sealed = key.cipher().encrypt_inout_detached([[head(key.id), purpose as u8]], (&mut *body).into());
        let Ok(iv) = sealed else { return };
        let mut whole = [0; HEAD + IV + pack::LONGEST];
        whole[0] = head(key.id);
        whole[HEAD..HEAD + IV].copy_from_slice(&iv);
        whole[HEAD + IV..][..length].copy_from_slice(body);
        URL_SAFE_NO_PAD.encode_string(&whole[..HEAD + IV + length], out);
    }

    /// The charge of a token.
    ///
    /// # Errors
    /// [`TokenError`]; the order of the checks tells a forger nothing, as version and key id are in clear.
    pub fn open(&self, purpose: Purpose, token: &str) -> Result<Charge, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let mut whole = [0; LONGEST];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut whole).map_err(|_| TokenError::Malformed)?;
        let Some((&first, rest)) = whole[..length].split_first() else { return Err(TokenError::Malformed) };
        let Some((&iv, sealed)) = rest.split_first_chunk::<IV>() else { return Err(TokenError::Malformed) };
        if first >> 5 != VERSION {
            return Err(TokenError::UnknownVersion);
        }
        let key = self.keys.iter().find(|key| key.id == first & HIGHEST_KEY).ok_or(TokenError::UnknownKey)?;
        let mut body = [0; LONGEST];
        let body = &mut body[..sealed.len()];
        body.copy_from_slice(sealed);
        key.cipher()
            .decrypt_inout_detached([[head(key.id), purpose as u8]], (&mut *body).into(), &iv.into())
            .map_err(|_| TokenError::NotGenuine)?;
        pack::read(body).ok_or(TokenError::Malformed)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::clock::UnixMillis;
    use crate::event::{ChargeKey, Method};
    use crate::ids::{
        AdvertiserId, AuctionId, BuyerId, CreativeId, CreativeVersion, DealId, DspId, ImpIndex, LeaseId, MediaId,
        PlacementId, Slot,
    };
    use crate::money::{CpmMicroYuan, Quantity};
    use proptest::prelude::*;

    pub(crate) fn key(id: u8) -> TokenKey {
        TokenKey { id, secret: std::array::from_fn(|index| index as u8 ^ id) }
    }

    prop_compose! {
        fn charges()(
            auction in any::<u128>(), ids in any::<[u32; 7]>(), life in 0..86_400_000_u64, imp in any::<[u8; 2]>(),
            version in any::<u16>(), method in 1..=3_u8, lease in any::<u64>(), quantity in any::<u32>(),
            price in 0..=1_000_000_000_i64, earning in 0..=1_000_000_000_i64, minimum in any::<u32>(),
        ) -> Charge {
            let auction = AuctionId(auction);
            Charge {
                key: ChargeKey { auction, imp: ImpIndex(imp[0]), slot: Slot(imp[1]) },
                expires_at: auction.at().plus_ms(life),
                media: MediaId(ids[0]), placement: PlacementId(ids[1]), dsp: DspId(ids[2]), buyer: BuyerId(ids[3]),
                advertiser: AdvertiserId(ids[4]), creative: CreativeId(ids[5]), deal: DealId(ids[6]),
                version: CreativeVersion(version), method: Method::from_code(method).unwrap(), lease: LeaseId(lease),
                quantity: Quantity(quantity),
                price: CpmMicroYuan::new(price * CpmMicroYuan::STEP).unwrap(),
                earning: CpmMicroYuan::new(earning * CpmMicroYuan::STEP).unwrap(),
                minimum_display_ms: minimum,
            }
        }
    }

    pub(crate) fn charge() -> Charge {
        let at = UnixMillis(1_795_312_800_000);
        // Node 3, its 25th start, lane 1, after forty million auctions.
        let auction = AuctionId((u128::from(at.0) << 80) | (3 << 64) | (25 << 40) | (1 << 32) | 40_000_000);
        Charge {
            key: ChargeKey { auction, imp: ImpIndex(0), slot: Slot(0) },
            expires_at: at.plus_ms(3_600_000),
            media: MediaId(1),
            placement: PlacementId(200),
            dsp: DspId(3),
            buyer: BuyerId(40),
            advertiser: AdvertiserId(300),
            creative: CreativeId(50_000),
            version: CreativeVersion(2),
            deal: DealId(4_000),
            method: Method::Pdb,
            lease: LeaseId(1_000_000),
            quantity: Quantity::ONE,
            price: CpmMicroYuan::parse_yuan("60").unwrap(),
            earning: CpmMicroYuan::parse_yuan("51").unwrap(),
            minimum_display_ms: 2_000,
        }
    }

    fn sealed(tokens: &Tokens, charge: &Charge) -> String {
        let mut token = String::new();
        tokens.seal(Purpose::Bill, charge, &mut token);
        token
    }

    proptest! {
        #[test]
        fn a_token_opens_to_the_charge_that_it_was_made_of(charge in charges()) {
            let tokens = Tokens::new(&[key(1)]).unwrap();
            let token = sealed(&tokens, &charge);
            prop_assert!(token.len() <= LONGEST);
            prop_assert_eq!(tokens.open(Purpose::Bill, &token), Ok(charge));
        }

        #[test]
        fn an_altered_token_is_never_accepted(charge in charges(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let tokens = Tokens::new(&[key(1)]).unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed(&tokens, &charge)).unwrap();
            let index = at.index(bytes.len());
            bytes[index] ^= 1 << bit;
            let altered = URL_SAFE_NO_PAD.encode(&bytes);
            prop_assert!(tokens.open(Purpose::Bill, &altered).is_err());
        }

        #[test]
        fn noise_is_never_accepted(noise in "[A-Za-z0-9_-]{0,300}") {
            prop_assert!(Tokens::new(&[key(1)]).unwrap().open(Purpose::Bill, &noise).is_err());
        }
    }

    #[test]
    fn keys_have_ids_of_their_own_within_the_head() {
        assert!(Tokens::new(&[]).is_none() && Tokens::new(&[key(HIGHEST_KEY + 1)]).is_none());
        assert!(Tokens::new(&[key(3), key(2), key(3)]).is_none());
        assert!(Tokens::new(&[key(HIGHEST_KEY), key(0)]).is_some());
    }

    #[test]
    fn a_token_is_good_for_its_purpose_only() {
        let tokens = Tokens::new(&[key(1)]).unwrap();
        let mut token = String::new();
        tokens.seal(Purpose::Notice, &charge(), &mut token);
        assert_eq!(tokens.open(Purpose::Bill, &token), Err(TokenError::NotGenuine));
    }

    #[test]
    fn keys_rotate_without_losing_tokens() {
        let old = sealed(&Tokens::new(&[key(1)]).unwrap(), &charge());
        let rotated = Tokens::new(&[key(2), key(1)]).unwrap();
        assert_eq!(rotated.open(Purpose::Bill, &old), Ok(charge()));
        let new = sealed(&rotated, &charge());
        assert_ne!(new, old);
        assert_eq!(Tokens::new(&[key(1)]).unwrap().open(Purpose::Bill, &new), Err(TokenError::UnknownKey));
    }

    #[test]
    fn r_secret_the_gross_price_is_not_readable_and_the_length_is_as_documented() {
        let token = sealed(&Tokens::new(&[key(1)]).unwrap(), &charge());
        assert_eq!(token.len(), 60, "docs/decisions/0005-token.md states this length");
        let mut cheaper = charge();
        cheaper.price = CpmMicroYuan::parse_yuan("61").unwrap();
        let other = sealed(&Tokens::new(&[key(1)]).unwrap(), &cheaper);
        let same = token.bytes().zip(other.bytes()).skip(3).filter(|(a, b)| a == b).count();
        assert!(same < 12, "another price changes the whole token, {same} characters are alike");
    }
}
