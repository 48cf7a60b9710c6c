//! Charge tokens: the whole charge in a notice URL, under authenticated encryption (`docs/decisions/0005-token.md`).
//!
//! ```text
//! base64url( version 1 B ‖ key id 1 B ‖ synthetic IV 16 B ‖ encrypted charge )
//! ```
//! AES-256-SIV (RFC 5297) is deterministic: there is no nonce that two nodes or a restart could repeat, and no random
//! number is drawn. Version, key id and purpose are authenticated with it, so a click's token never bills.
//! The media cannot read the gross price in it (R-SECRET).

use std::fmt;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::event::{Charge, ChargeKey, Method};
use crate::ids::{
    AdvertiserId, AuctionId, BuyerId, CreativeId, CreativeVersion, DealId, DspId, ImpIndex, LeaseId, MediaId,
    PlacementId, Slot,
};
use crate::money::{CpmMicroYuan, Quantity};

/// The layout that is written.
pub const VERSION: u8 = 1;
/// No token is longer than this, in characters: longer ones are refused unread.
pub const LONGEST: usize = 256;
const IV: usize = 16;
const HEAD: usize = 2;

/// What a token is good for; authenticated with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// `/n/bill`.
    Bill = 1,
    /// `/n/win`.
    Win = 2,
    /// `/n/loss`.
    Loss = 3,
}

/// A key with its id.
#[derive(Clone)]
pub struct TokenKey {
    /// Its id, in clear in each token.
    pub id: u8,
    /// 64 random bytes: half for the synthetic IV, half for the encryption.
    pub secret: [u8; 64],
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, secret)", self.id)
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

/// Seals and opens tokens. Each thread has its own, as the cipher keeps working state.
#[derive(Debug)]
pub struct Tokens {
    keys: Vec<(u8, Aes256Siv)>,
    plain: Vec<u8>,
}

impl Tokens {
    /// Tokens under these keys: the first seals, every one opens. `None` without any key.
    #[must_use]
    pub fn new(keys: &[TokenKey]) -> Option<Self> {
        let keys: Vec<_> = keys.iter().map(|key| (key.id, Aes256Siv::new(&key.secret.into()))).collect();
        (!keys.is_empty()).then(|| Self { keys, plain: Vec::with_capacity(128) })
    }

    /// Appends the token of a charge.
    pub fn seal(&mut self, purpose: Purpose, charge: &Charge, out: &mut String) {
        let Some((id, cipher)) = self.keys.first_mut() else { return };
        let head = [VERSION, *id];
        self.plain.clear();
        self.plain.extend_from_slice(&head);
        self.plain.extend_from_slice(&[0; IV]);
        write_charge(&mut self.plain, charge);
        let authenticated = [head[0], head[1], purpose as u8];
        let (front, body) = self.plain.split_at_mut(HEAD + IV);
        // Fails for more than 126 authenticated parts only, and there is one.
        let Ok(iv) = cipher.encrypt_inout_detached([authenticated], body.into()) else { return };
        front[HEAD..].copy_from_slice(&iv);
        URL_SAFE_NO_PAD.encode_string(&self.plain, out);
    }

    /// The charge of a token.
    ///
    /// # Errors
    /// [`TokenError`]; the order of the checks tells a forger nothing, as version and key id are in clear.
    pub fn open(&mut self, purpose: Purpose, token: &str) -> Result<Charge, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        self.plain.clear();
        URL_SAFE_NO_PAD.decode_vec(token, &mut self.plain).map_err(|_| TokenError::Malformed)?;
        let Some((&head, rest)) = self.plain.split_first_chunk::<HEAD>() else { return Err(TokenError::Malformed) };
        let Some((&iv, _)) = rest.split_first_chunk::<IV>() else { return Err(TokenError::Malformed) };
        if head[0] != VERSION {
            return Err(TokenError::UnknownVersion);
        }
        let cipher = self.keys.iter_mut().find(|(id, _)| *id == head[1]).map(|(_, cipher)| cipher);
        let cipher = cipher.ok_or(TokenError::UnknownKey)?;
        let body = &mut self.plain[HEAD + IV..];
        let authenticated = [head[0], head[1], purpose as u8];
        cipher
            .decrypt_inout_detached([authenticated], (&mut *body).into(), &iv.into())
            .map_err(|_| TokenError::NotGenuine)?;
        read_charge(body).ok_or(TokenError::Malformed)
    }
}

fn write_charge(out: &mut Vec<u8>, charge: &Charge) {
    let key = charge.key;
    out.extend_from_slice(&key.auction.to_bytes());
    out.extend_from_slice(&[key.imp.0, key.slot.0, charge.method.code()]);
    let numbers = [
        charge.expires_at.0.saturating_sub(key.auction.at().0),
        charge.media.0.into(),
        charge.placement.0.into(),
        charge.dsp.0.into(),
        charge.buyer.0.into(),
        charge.advertiser.0.into(),
        charge.creative.0.into(),
        charge.version.0.into(),
        charge.deal.0.into(),
        charge.lease.0,
        charge.quantity.0.into(),
        charge.price.per_impression().0.unsigned_abs(),
        charge.earning.per_impression().0.unsigned_abs(),
        charge.minimum_display_ms.into(),
    ];
    for number in numbers {
        write_varint(out, number);
    }
}

fn read_charge(bytes: &[u8]) -> Option<Charge> {
    let (auction, rest) = bytes.split_first_chunk::<16>()?;
    let (&[imp, slot, method], mut rest) = rest.split_first_chunk::<3>()?;
    let auction = AuctionId::from_bytes(*auction);
    let mut next = || read_varint(&mut rest);
    let mut id = || next().and_then(|number| u32::try_from(number).ok());
    let life = u64::from(id()?);
    let (media, placement, dsp, buyer) = (MediaId(id()?), PlacementId(id()?), DspId(id()?), BuyerId(id()?));
    let (advertiser, creative) = (AdvertiserId(id()?), CreativeId(id()?));
    let version = CreativeVersion(u16::try_from(id()?).ok()?);
    let deal = DealId(id()?);
    let lease = LeaseId(next()?);
    let quantity = Quantity(u32::try_from(next()?).ok()?);
    let mut price = || CpmMicroYuan::new(i64::try_from(next()?).ok()?.checked_mul(CpmMicroYuan::STEP)?);
    let (price, earning) = (price()?, price()?);
    let minimum_display_ms = u32::try_from(next()?).ok()?;
    rest.is_empty().then_some(Charge {
        key: ChargeKey { auction, imp: ImpIndex(imp), slot: Slot(slot) },
        expires_at: auction.at().plus_ms(life),
        media,
        placement,
        dsp,
        buyer,
        advertiser,
        creative,
        version,
        deal,
        method: Method::from_code(method)?,
        lease,
        quantity,
        price,
        earning,
        minimum_display_ms,
    })
}

/// Seven bits a byte, least first, the high bit on all but the last (LEB128).
fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        number |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::clock::UnixMillis;
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
        let auction = AuctionId((u128::from(at.0) << 80) | 42);
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

    fn sealed(tokens: &mut Tokens, charge: &Charge) -> String {
        let mut token = String::new();
        tokens.seal(Purpose::Bill, charge, &mut token);
        token
    }

    proptest! {
        #[test]
        fn a_token_opens_to_the_charge_that_it_was_made_of(charge in charges()) {
            let mut tokens = Tokens::new(&[key(1)]).unwrap();
            let token = sealed(&mut tokens, &charge);
            prop_assert!(token.len() <= LONGEST);
            prop_assert_eq!(tokens.open(Purpose::Bill, &token), Ok(charge));
        }

        #[test]
        fn an_altered_token_is_never_accepted(charge in charges(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut tokens = Tokens::new(&[key(1)]).unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed(&mut tokens, &charge)).unwrap();
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
    fn a_token_is_good_for_its_purpose_only() {
        let mut tokens = Tokens::new(&[key(1)]).unwrap();
        let mut token = String::new();
        tokens.seal(Purpose::Win, &charge(), &mut token);
        assert_eq!(tokens.open(Purpose::Bill, &token), Err(TokenError::NotGenuine));
    }

    #[test]
    fn keys_rotate_without_losing_tokens() {
        let old = sealed(&mut Tokens::new(&[key(1)]).unwrap(), &charge());
        let mut rotated = Tokens::new(&[key(2), key(1)]).unwrap();
        assert_eq!(rotated.open(Purpose::Bill, &old), Ok(charge()));
        let new = sealed(&mut rotated, &charge());
        assert_ne!(new, old);
        assert_eq!(Tokens::new(&[key(1)]).unwrap().open(Purpose::Bill, &new), Err(TokenError::UnknownKey));
    }

    #[test]
    fn r_secret_the_gross_price_is_not_readable_and_the_length_is_as_documented() {
        let token = sealed(&mut Tokens::new(&[key(1)]).unwrap(), &charge());
        assert_eq!(token.len(), 90, "docs/decisions/0005-token.md states this length");
        let mut cheaper = charge();
        cheaper.price = CpmMicroYuan::parse_yuan("61").unwrap();
        let other = sealed(&mut Tokens::new(&[key(1)]).unwrap(), &cheaper);
        let same = token.bytes().zip(other.bytes()).skip(3).filter(|(a, b)| a == b).count();
        assert!(same < 12, "another price changes the whole token, {same} characters are alike");
    }
}
