//! Whatever is done to charge tokens, only those that were issued open, to their charge and for their purpose.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use pmpx::billing::notice::urls;
use pmpx::billing::token::{Purpose, TokenKey, Tokens};
use pmpx::clock::UnixMillis;
use pmpx::event::{Charge, ChargeKey, Method};
use pmpx::ids::{
    AdvertiserId, AuctionId, BuyerId, CreativeId, CreativeVersion, DealId, DspId, ImpIndex, LeaseId, MediaId,
    PlacementId, Slot,
};
use pmpx::money::{CpmMicroYuan, Quantity};

const PURPOSES: [Purpose; 2] = [Purpose::Bill, Purpose::Notice];

/// The exchange's before a rotation of keys, after it, and another exchange's whose keys have the same ids.
static EXCHANGES: LazyLock<[Tokens; 3]> = LazyLock::new(|| {
    let key = |id: u8, of: u8| TokenKey { id, secret: std::array::from_fn(|index| index as u8 ^ id.wrapping_mul(of)) };
    [&[key(1, 3)][..], &[key(2, 3), key(1, 3)], &[key(1, 7), key(2, 7)]].map(|keys| Tokens::new(keys).unwrap())
});

#[derive(Arbitrary, Debug)]
struct Numbers {
    auction: u128,
    place: [u8; 2],
    life: u64,
    ids: [u32; 7],
    version: u16,
    method: u8,
    lease: u64,
    quantity: u32,
    price: u32,
    earning: u32,
    minimum: u32,
}

impl Numbers {
    fn charge(&self) -> Charge {
        let auction = AuctionId(self.auction);
        let [media, placement, dsp, buyer, advertiser, creative, deal] = self.ids;
        let cpm = |steps: u32| CpmMicroYuan::new(i64::from(steps % 1_000_000_001) * CpmMicroYuan::STEP).unwrap();
        Charge {
            key: ChargeKey { auction, imp: ImpIndex(self.place[0]), slot: Slot(self.place[1]) },
            expires_at: UnixMillis(auction.at().0.saturating_add(self.life)),
            media: MediaId(media),
            placement: PlacementId(placement),
            dsp: DspId(dsp),
            buyer: BuyerId(buyer),
            advertiser: AdvertiserId(advertiser),
            creative: CreativeId(creative),
            version: CreativeVersion(self.version),
            deal: DealId(deal),
            method: Method::ALL[usize::from(self.method) % 3],
            lease: LeaseId(self.lease),
            quantity: Quantity(self.quantity),
            price: cpm(self.price),
            earning: cpm(self.earning),
            minimum_display_ms: self.minimum,
        }
    }
}

/// What a forger does to text.
#[derive(Arbitrary, Debug)]
enum Act {
    Put(u8, u8),
    Insert(u8, u8),
    Remove(u8),
    Cut(u8),
    Flip(u8, u8),
    Swap(u8, u8),
    /// The rest from the token of the other charge.
    Graft(u8),
    Append(Vec<u8>),
}

fn acted(token: &str, other: &str, acts: &[Act]) -> String {
    let mut text = token.as_bytes().to_vec();
    for act in acts {
        let length = text.len();
        let place = |at: &u8| usize::from(*at) % length.max(1);
        match act {
            Act::Put(at, byte) if length > 0 => text[place(at)] = *byte,
            Act::Insert(at, byte) => text.insert(usize::from(*at) % (length + 1), *byte),
            Act::Remove(at) if length > 0 => drop(text.remove(place(at))),
            Act::Cut(at) => text.truncate(place(at)),
            Act::Flip(at, bit) if length > 0 => text[place(at)] ^= 1 << (bit % 8),
            Act::Swap(left, right) if length > 0 => text.swap(place(left), place(right)),
            Act::Graft(at) => {
                text.truncate(place(at));
                text.extend(other.bytes().skip(place(at)));
            }
            Act::Append(bytes) => text.extend(bytes),
            _ => {}
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fuzz_target!(|input: (Numbers, Numbers, bool, Vec<Act>, String)| {
    let (first, second, rotated, acts, noise) = input;
    let [before, after, foreign] = &*EXCHANGES;
    let issuer = if rotated { after } else { before };
    let (charge, other) = (first.charge(), second.charge());
    let seal = |charge: &Charge, purpose| {
        let mut token = String::new();
        issuer.seal(purpose, charge, &mut token);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        token
    };
    let issued = [&charge, &other].map(|charge| PURPOSES.map(|purpose| (seal(charge, purpose), purpose, *charge)));
    let issued = issued.as_flattened();
    for (token, purpose, charge) in issued {
        for asked in PURPOSES {
            assert_eq!(after.open(asked, token).ok(), (asked == *purpose).then_some(*charge));
            assert_eq!(before.open(asked, token).ok(), (asked == *purpose && !rotated).then_some(*charge));
            assert!(foreign.open(asked, token).is_err());
        }
    }
    assert!(urls("http://x", issuer, &charge).bill().ends_with(&issued[0].0));
    let forged = issued.iter().map(|(token, ..)| acted(token, &issued[2].0, &acts)).chain([noise]);
    for token in forged.filter(|token| issued.iter().all(|(genuine, ..)| genuine != token)) {
        for purpose in PURPOSES {
            assert!([before, after, foreign].iter().all(|it| it.open(purpose, &token).is_err()), "{token}");
        }
    }
});
