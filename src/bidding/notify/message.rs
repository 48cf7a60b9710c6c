//! What the hot plane hands over: one message an auction, two allocations, whatever the number of bids.

use super::LONGEST_URL;
use crate::clock::UnixMillis;
use crate::event::{ChargeKey, NoticeKind, NoticeWords, WonBid};
use crate::ids::{AuctionId, DspId, ImpIndex, Slot};
use crate::money::{Currency, Quantity};

/// Words of a bid are longer than this on no honest DSP, bytes.
const LONGEST_WORD: usize = 1_024;

/// What goes to the thread.
#[derive(Debug)]
pub(super) enum Message {
    Decided(Tidings),
    Shown(ChargeKey),
    Posted(ChargeKey, UnixMillis),
    Monitor(String),
}

/// A bid's words as its notices need them.
#[derive(Clone, Copy, Debug)]
pub struct BidNotice<'b> {
    /// Who bid.
    pub dsp: DspId,
    /// The imp; any, where the bid named none.
    pub imp: ImpIndex,
    /// The imp's id; empty where the bid named none.
    pub imp_id: &'b str,
    /// `BidResponse.bidid`.
    pub response: Option<&'b str>,
    /// The seat.
    pub seat: Option<&'b str>,
    /// `Bid.adid`.
    pub ad: Option<&'b str>,
    /// What it bid: CPM in millionths of its currency.
    pub bid: i64,
    /// The currency that it bids in.
    pub currency: Currency,
}

/// How a bid ended.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Won { slot: Slot, price: i64, quantity: Quantity, expires_at: UnixMillis },
    Lost(i32),
}

/// One bid of the message, its texts in the common one behind each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) dsp: DspId,
    imp: ImpIndex,
    currency: Currency,
    bid: i64,
    fate: Fate,
    start: usize,
    /// Of imp id, response, seat, ad and two URLs; [`NONE`] for what is not there.
    lengths: [u16; 6],
}

const NONE: u16 = u16::MAX;

impl Note {
    /// The notices that it may lead to.
    pub(super) fn kinds(&self) -> impl Iterator<Item = NoticeKind> {
        let [.., first, second] = self.lengths;
        let (one, two) = match self.fate {
            Fate::Won { .. } => (NoticeKind::Win, NoticeKind::Bill),
            Fate::Lost(_) => (NoticeKind::Loss, NoticeKind::Loss),
        };
        [(one, first), (two, second)].into_iter().filter(|(_, length)| *length != NONE).map(|(kind, _)| kind)
    }
}

/// What became of an auction's bids, for their DSPs.
#[derive(Debug)]
pub struct Tidings {
    auction: AuctionId,
    notes: Vec<Note>,
    text: String,
    /// Of how many bids.
    room: usize,
}

/// A bid of a decided auction, taken apart.
#[derive(Debug)]
pub(super) enum Told {
    Won(WonBid),
    Lost { key: ChargeKey, dsp: DspId, words: NoticeWords, currency: Currency, reason: i32, url: String },
}

impl Tidings {
    /// Of an auction with at most so many bids. Nothing is allocated before the first of them wants to hear of it.
    #[must_use]
    pub const fn new(auction: AuctionId, bids: usize) -> Self {
        Self { auction, notes: Vec::new(), text: String::new(), room: bids }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    pub(super) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// A bid won; `price` is what it was told the deal's price is. `false`: a URL or a word is too long, and it hears nothing.
    pub fn won(
        &mut self,
        bid: &BidNotice<'_>,
        (win, bill): (Option<&str>, Option<&str>),
        (slot, price, quantity, expires_at): (Slot, i64, Quantity, UnixMillis),
    ) -> bool {
        self.note(bid, Fate::Won { slot, price, quantity, expires_at }, [win, bill])
    }

    /// A bid lost.
    pub fn lost(&mut self, bid: &BidNotice<'_>, url: Option<&str>, reason: i32) -> bool {
        self.note(bid, Fate::Lost(reason), [url, None])
    }

    fn note(&mut self, bid: &BidNotice<'_>, fate: Fate, urls: [Option<&str>; 2]) -> bool {
        let [first, second] = urls.map(|url| url.filter(|url| !url.is_empty()));
        if first.is_none() && second.is_none() {
            return true;
        }
        let texts = [Some(bid.imp_id), bid.response, bid.seat, bid.ad, first, second];
        let most = [LONGEST_WORD, LONGEST_WORD, LONGEST_WORD, LONGEST_WORD, LONGEST_URL, LONGEST_URL];
        if texts.iter().zip(most).any(|(text, most)| text.is_some_and(|text| text.len() > most)) {
            return false;
        }
        if self.notes.is_empty() {
            self.notes.reserve_exact(self.room);
            // Winners come first and have the most to say, so this is enough for all.
            let first: usize = texts.iter().flatten().map(|text| text.len()).sum();
            self.text.reserve_exact(self.room * first);
        }
        let start = self.text.len();
        // Both bounds are below the largest length.
        let lengths = texts.map(|text| text.map_or(NONE, |text| text.len() as u16));
        texts.iter().flatten().for_each(|text| self.text.push_str(text));
        self.notes.push(Note {
            dsp: bid.dsp,
            imp: bid.imp,
            currency: bid.currency,
            bid: bid.bid,
            fate,
            start,
            lengths,
        });
        true
    }

    /// Each bid, taken apart.
    pub(super) fn bids(&self) -> impl Iterator<Item = Told> {
        self.notes.iter().map(|note| {
            let mut at = note.start;
            let mut texts = note.lengths.map(|length| {
                let end = at + usize::from(length);
                let text = (length != NONE).then(|| self.text.get(at..end).unwrap_or_default().to_owned());
                at = if length == NONE { at } else { end };
                text
            });
            let [imp, response, seat, ad, first, second] = texts.each_mut().map(Option::take);
            let words = NoticeWords { imp: imp.unwrap_or_default(), response, seat, ad };
            let key = |slot| ChargeKey { auction: self.auction, imp: note.imp, slot };
            let (dsp, currency, bid) = (note.dsp, note.currency, note.bid);
            match note.fate {
                Fate::Won { slot, price, quantity, expires_at } => Told::Won(WonBid {
                    key: key(slot),
                    dsp,
                    expires_at,
                    price,
                    bid,
                    currency,
                    quantity,
                    words,
                    win: first,
                    bill: second,
                    told: false,
                }),
                Fate::Lost(reason) => {
                    let url = first.unwrap_or_default();
                    Told::Lost { key: key(Slot::default()), dsp, words, currency, reason, url }
                }
            }
        })
    }
}
