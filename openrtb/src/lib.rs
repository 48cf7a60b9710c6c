//! OpenRTB 2.6 on the wire: what stands in a body, where it stands, and how to write one.
//!
//! | module | holds |
//! |---|---|
//! | [`decode`] | [`Decoder`]: body to borrowed [`BidRequest`] or [`BidResponse`], within [`Limits`] |
//! | [`arena`] | where the lists and nested objects of a decoded body live |
//! | [`request`], [`media`], [`deal`], [`inventory`], [`device`], [`user`], [`source`] | the request: every object and field of 2.6-202606 |
//! | [`response`] | the response |
//! | [`native`] | Native 1.2: what a native placement asks for, and the ad that answers |
//! | [`rest`] | what an object holds beside its fields |
//! | [`text`], [`number`] | a string that may be a number; prices as integers |
//! | [`validate`] | the structural rules of a request |
//! | [`scan`] | byte ranges of values in a body |
//! | [`allow`] | copies of an object with its allowed members only |
//! | [`walk`] | an object in one pass, each member copied or left out |
//! | [`encode`] | JSON writers, and the response of an exchange |
//! | [`macros`] | `${AUCTION_…}` in notices and markup |
//! | [`lists`] | names for the integers |
//! | `table`, `read`, `scalar`, `write`, `fault` | from the table of each object, the type that reads and writes itself |
//! | `tape` | the nodes of a body that is left as it is |
//!
//! An object is declared once, in a `wire_object!` table: its fields, what they are read as, and which of `ext` have a
//! meaning. One reader reads two tapes: simd-json's (the hot path: the body is rewritten in place, what is no field is
//! stepped over) and our own (the whole body: unknown members and `ext` are kept as they stand). To add a field, add a
//! line to its table.
//!
//! Invariants:
//! - No I/O, no clock, no state but buffers, and no concept of an exchange: a deal here is the nine fields of the wire.
//! - What a partner sends cannot make this crate panic, recurse without bound or allocate beyond [`Limits`].
//! - Unknown fields and unknown list values pass. `null`, `[]` and absence are one; absence and 0 are two.
//! - Both readers accept the same bodies and see the same fields.
//! - What was decoded whole and is written reads back as it was: `ext` and unknown members byte for byte, fields in the
//!   type of their field. One thing is rounded: a price beyond millionths.
//! - Decoding allocates nothing once a decoder's buffers and an arena have grown.
//! - A key that could be read in two ways (twice in its object, or in disguise on a copier's path) is refused: two
//!   parties must not see two requests.
//! - No price is a float past the reader: [`WirePrice`] is the decimal that the sender wrote, rounded once.

pub mod allow;
pub mod arena;
pub mod deal;
pub mod decode;
pub mod device;
pub mod encode;
mod fault;
pub mod inventory;
pub mod lists;
pub mod macros;
pub mod media;
pub mod native;
pub mod number;
mod read;
pub mod request;
pub mod response;
pub mod rest;
mod scalar;
pub mod scan;
pub mod source;
mod table;
mod tape;
pub mod text;
pub mod user;
pub mod validate;
pub mod walk;
mod write;

pub use allow::{Allow, Keep, copy_allowed};
pub use arena::{Arena, Arenas, LentArena};
pub use deal::{Deal, DurFloors, Pmp};
pub use decode::{DecodeCode, DecodeError, Decoder, Limits};
pub use device::{BrandVersion, Device, Geo, UserAgent};
pub use encode::{BidDraft, RawObject, ResponseDraft, SeatBidDraft, write_bid_response};
pub use inventory::{App, Channel, Content, Dooh, Network, Producer, Publisher, Site};
pub use macros::{Macros, substitute, substituted};
pub use media::{Audio, Banner, Format, Native, Video};
pub use native::NativeRequest;
pub use number::{Millionths, WirePrice};
pub use read::RawJson;
pub use request::{BidRequest, Imp, Metric, Qty, RefSettings, Refresh, RequestExt};
pub use response::{Bid, BidResponse, SeatBid};
pub use rest::{RawMember, Rest};
pub use scan::{ArrayScan, Member, ObjectScan, ScanError, ScanErrorKind};
pub use source::{Regs, RegsExt, Source, SourceExt, SupplyChain, SupplyChainNode};
pub use table::WireObject;
pub use text::Text;
pub use user::{Data, Eid, Segment, Uid, User, UserExt};
pub use validate::{Invalid, validate_request};
pub use walk::Members;
