//! A charge as bits: each number takes what it needs, each small or round number little.

use crate::event::{Charge, ChargeKey, Method};
use crate::ids::{
    AdvertiserId, AuctionId, BuyerId, CreativeId, CreativeVersion, DealId, DspId, ImpIndex, LeaseId, MediaId,
    PlacementId, Slot,
};
use crate::money::{CpmMicroYuan, Quantity};

/// No charge takes more bytes; held by a test.
pub(super) const LONGEST: usize = 111;

/// Auction times are told from 2026-01-01 UTC, so that 40 bits last until 2060; earlier and later ones take more.
const EPOCH_MS: u64 = 1_767_225_600_000;
const TIME_MASK: u64 = (1 << 48) - 1;
/// Units of times, ms. A number is written in the largest unit that divides it.
const TIMES: [u64; 4] = [1, 1_000, 60_000, 3_600_000];
const DISPLAYS: [u64; 4] = [1, 100, 500, 1_000];
/// Units of prices, micro-yuan per impression: the last is one yuan per mille.
const PRICES: [u64; 4] = [1, 10, 100, 1_000];

/// Writes a charge; returns how many bytes it took.
pub(super) fn write(charge: &Charge, out: &mut [u8; LONGEST]) -> usize {
    let mut bits = Writer { out, length: 0, pending: (0, 0) };
    let ChargeKey { auction, imp, slot } = charge.key;
    let [node, boot, lane, sequence] = parts(auction);
    bits.put(2, charge.method.code().into());
    bits.number(2, imp.0.into());
    bits.number(1, slot.0.into());
    bits.number(40, auction.at().0.wrapping_sub(EPOCH_MS) & TIME_MASK);
    bits.number(4, node);
    bits.number(5, boot);
    bits.number(3, lane);
    bits.number(10, sequence);
    bits.scaled(4, TIMES, charge.expires_at.0.saturating_sub(auction.at().0));
    bits.number(6, charge.media.0.into());
    bits.number(8, charge.placement.0.into());
    bits.number(5, charge.dsp.0.into());
    bits.number(6, charge.buyer.0.into());
    bits.number(9, charge.advertiser.0.into());
    bits.number(8, charge.creative.0.into());
    bits.number(3, charge.version.0.into());
    bits.number(6, charge.deal.0.into());
    bits.number(10, charge.lease.0);
    bits.put(1, (charge.quantity == Quantity::ONE).into());
    if charge.quantity != Quantity::ONE {
        bits.number(8, charge.quantity.0.into());
    }
    let price = charge.price.per_impression().0.unsigned_abs();
    bits.scaled(6, PRICES, price);
    // What is kept is smaller than what is earned, and as round.
    bits.scaled(4, PRICES, price.wrapping_sub(charge.earning.per_impression().0.unsigned_abs()));
    bits.scaled(2, DISPLAYS, charge.minimum_display_ms.into());
    bits.end()
}

/// Reads a charge; `None` when the bytes are not exactly one.
pub(super) fn read(bytes: &[u8]) -> Option<Charge> {
    let mut bits = Reader { bytes, at: 0 };
    let method = Method::from_code(u8::try_from(bits.take(2)?).ok()?)?;
    let (imp, slot) = (ImpIndex(bits.small(2)?), Slot(bits.small(1)?));
    let at = bits.number(40)?.wrapping_add(EPOCH_MS) & TIME_MASK;
    let auction = joined(at, [bits.number(4)?, bits.number(5)?, bits.number(3)?, bits.number(10)?])?;
    let life = bits.scaled(4, TIMES)?;
    let (media, placement) = (MediaId(bits.small(6)?), PlacementId(bits.small(8)?));
    let (dsp, buyer) = (DspId(bits.small(5)?), BuyerId(bits.small(6)?));
    let (advertiser, creative) = (AdvertiserId(bits.small(9)?), CreativeId(bits.small(8)?));
    let (version, deal) = (CreativeVersion(bits.small(3)?), DealId(bits.small(6)?));
    let lease = LeaseId(bits.number(10)?);
    let quantity = if bits.take(1)? == 1 { Quantity::ONE } else { Quantity(bits.small(8)?) };
    let price = bits.scaled(6, PRICES)?;
    let earning = price.wrapping_sub(bits.scaled(4, PRICES)?);
    let cpm = |micro: u64| CpmMicroYuan::new(i64::try_from(micro).ok()?.checked_mul(CpmMicroYuan::STEP)?);
    let charge = Charge {
        key: ChargeKey { auction, imp, slot },
        expires_at: auction.at().plus_ms(life),
        media,
        placement,
        dsp,
        buyer,
        advertiser,
        creative,
        version,
        deal,
        method,
        lease,
        quantity,
        price: cpm(price)?,
        earning: cpm(earning)?,
        minimum_display_ms: u32::try_from(bits.scaled(2, DISPLAYS)?).ok()?,
    };
    bits.ends().then_some(charge)
}

/// Node, boot, lane and sequence of an auction id.
fn parts(AuctionId(id): AuctionId) -> [u64; 4] {
    [(id >> 64) as u64 & 0xffff, (id >> 40) as u64 & 0xff_ffff, (id >> 32) as u64 & 0xff, id as u64 & 0xffff_ffff]
}

fn joined(at: u64, [node, boot, lane, sequence]: [u64; 4]) -> Option<AuctionId> {
    let fits = node >> 16 == 0 && boot >> 24 == 0 && lane >> 8 == 0 && sequence >> 32 == 0;
    let id = u128::from(at) << 80 | u128::from(node) << 64 | u128::from(boot << 40 | lane << 32 | sequence);
    fits.then_some(AuctionId(id))
}

/// Writes bits, the first into the lowest place of the first byte.
struct Writer<'o> {
    out: &'o mut [u8; LONGEST],
    length: usize,
    /// Bits that fill no byte yet, and how many they are.
    pending: (u64, u32),
}

impl Writer<'_> {
    /// At most 48 bits.
    fn put(&mut self, width: u32, value: u64) {
        self.pending = (self.pending.0 | value << self.pending.1, self.pending.1 + width);
        while self.pending.1 >= 8 {
            self.flush();
            self.pending = (self.pending.0 >> 8, self.pending.1 - 8);
        }
    }

    fn flush(&mut self) {
        // There is a byte: the bound holds for every charge.
        self.out[self.length] = self.pending.0 as u8;
        self.length += 1;
    }

    /// Fills the last byte with zeros; tells how many bytes there are.
    fn end(mut self) -> usize {
        if self.pending.1 > 0 {
            self.flush();
        }
        self.length
    }

    /// Groups of so many bits, lowest first, each followed by a bit that says whether more follow.
    fn number(&mut self, group: u32, mut value: u64) {
        loop {
            self.put(group, value & ((1 << group) - 1));
            value >>= group;
            self.put(1, (value > 0).into());
            if value == 0 {
                return;
            }
        }
    }

    /// In the largest unit that divides it, whose number goes first.
    fn scaled(&mut self, group: u32, units: [u64; 4], value: u64) {
        let unit = (0..4).rev().find(|unit| value.is_multiple_of(units[*unit])).unwrap_or(0);
        self.put(2, unit as u64);
        self.number(group, value / units[unit]);
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    /// At most 48 bits.
    fn take(&mut self, width: u32) -> Option<u64> {
        let end = self.at + width as usize;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let bytes = self.bytes.iter().skip(self.at / 8).take(8).enumerate();
        let window = bytes.fold(0, |window, (index, byte)| window | u64::from(*byte) << (8 * index));
        let value = window >> (self.at % 8) & ((1 << width) - 1);
        self.at = end;
        Some(value)
    }

    fn number(&mut self, group: u32) -> Option<u64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let part = self.take(group)?;
            value |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part)?;
            shift += group;
            if self.take(1)? == 0 {
                return Some(value);
            }
        }
    }

    fn small<T: TryFrom<u64>>(&mut self, group: u32) -> Option<T> {
        self.number(group).and_then(|number| T::try_from(number).ok())
    }

    fn scaled(&mut self, group: u32, units: [u64; 4]) -> Option<u64> {
        let unit = usize::try_from(self.take(2)?).ok()?;
        self.number(group)?.checked_mul(*units.get(unit)?)
    }

    /// Whether nothing follows but the zeros that fill the last byte.
    fn ends(mut self) -> bool {
        let left = self.bytes.len() * 8 - self.at;
        left < 8 && self.take(left as u32) == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::token::tests::charge;
    use proptest::prelude::*;

    proptest! {
        /// What is read is one charge, however it was written: reading never fails in another way than by `None`.
        #[test]
        fn any_bytes_are_a_charge_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(charge) = read(&bytes) {
                let mut out = [0; LONGEST];
                let length = write(&charge, &mut out);
                prop_assert!(length <= bytes.len(), "written as short as it can be");
                prop_assert_eq!(read(&out[..length]), Some(charge));
            }
        }
    }

    /// The charge whose every number is as long as it can be.
    #[test]
    fn the_longest_charge_fits_and_reads_back() {
        let most = CpmMicroYuan::parse_yuan("999999.999").unwrap();
        let auction = AuctionId(u128::MAX >> 48 | u128::from(EPOCH_MS - 1) << 80);
        let longest = Charge {
            key: ChargeKey { auction, imp: ImpIndex(255), slot: Slot(255) },
            expires_at: crate::clock::UnixMillis(u64::MAX),
            media: MediaId(u32::MAX),
            placement: PlacementId(u32::MAX),
            dsp: DspId(u32::MAX),
            buyer: BuyerId(u32::MAX),
            advertiser: AdvertiserId(u32::MAX),
            creative: CreativeId(u32::MAX),
            version: CreativeVersion(u16::MAX),
            deal: DealId(u32::MAX),
            method: Method::Pd,
            lease: LeaseId(u64::MAX),
            quantity: Quantity(u32::MAX),
            // Less than is earned, which never is: the difference wraps.
            price: CpmMicroYuan::parse_yuan("999999.998").unwrap(),
            earning: most,
            minimum_display_ms: u32::MAX,
        };
        let mut out = [0; LONGEST];
        for charge in [longest, Charge { price: longest.earning, ..longest }] {
            out = [0; LONGEST];
            let length = write(&charge, &mut out);
            assert_eq!(read(&out[..length]), Some(charge), "{length} bytes");
        }
        assert_eq!(write(&longest, &mut out), LONGEST);
    }

    #[test]
    fn what_is_not_exactly_one_charge_is_none() {
        let mut out = [0; LONGEST];
        let length = write(&charge(), &mut out);
        assert_eq!(read(&out[..length]), Some(charge()));
        assert_eq!(read(&out[..length - 1]), None, "too short");
        assert_eq!(read(&out[..=length]), None, "a byte more");
        out[length - 1] |= 0x80;
        assert_eq!(read(&out[..length]), None, "the last byte is filled with zeros");
        assert_eq!(read(&[0xff; LONGEST]), None, "numbers that never end");
    }
}
