//! The exchange as its media, its DSPs and its accountant see it: real nodes, real sockets, scripted DSPs.
//!
//! - `harness`: one exchange under test with its DSPs and a media; everything is bounded in time and ended.
//! - `golden`: the files of `tests/golden`, one behaviour each, compared exactly. `PMPX_BLESS=1` rewrites what they expect
//!   (review every line against the rule), `PMPX_GOLDEN=name` runs those whose name has that part.
//! - `markup`: the documents of `tests/markup`, and what holds for every document.
//! - `pods`: ad pods by chance, without a network. `at_the_cap`: what the exchange could not ask costs no deal its volume.
//! - `rules`: what a file cannot say well.
//! - `bidding`: DSPs that misbehave down to the bytes (`bidding_dsp`), breakers, TLS; `bidding_http2`: the fan-out over HTTP/2.
//! - `life_of_a_charge`: from the bid to the ledger, over restarts and many connections; `crash`: the same through kill -9.
//! - `company`: two processes on one data folder, and what one knows of the other.
//! - `orders`: a version of an order in the market, at midnight, at two processes, and to the statement.
//! - `content`: what reviews decide, from the docket to the bid and the beacon; `advertisers`: the same of advertisers and their documents.
//! - `unreviewed`: bids with content that nobody has reviewed, on their way into the queue.
//! - `sealed_days`: what becomes of a day when it is over, and of its detail when its time is.
//! - `disk`: full, read-only or failing while the binary serves, and well again; backups and a restore drill.
//! - `beacons`: pixels and clicks as browsers send them, and each display once, from however many sides it is told.
//! - `door`: what is refused, and what it costs others; `process`: the binary's log, metrics and end.
//! - `kill_switches`: what each of them stops, end to end, and that nothing is lost of what is counted; `generations`: a running
//!   program whose files change, that is rolled back, killed and started again.
//! - `files`: files that creatives' markup names, from the first fetch to one that is another.
//! - `landing`: landing pages that change, are infected, and what follows.
//! - `partners`: the partner API of a running node, as each partner uses it.
//! - `viewability`: the snippet in a real browser.
//! - `tidy`: the rules of the house that a compiler does not know.

#[cfg(test)]
mod advertisers;
#[cfg(test)]
mod at_the_cap;
#[cfg(test)]
mod beacons;
#[cfg(test)]
mod bidding;
#[cfg(test)]
mod bidding_dsp;
#[cfg(test)]
mod bidding_http2;
#[cfg(test)]
mod company;
#[cfg(test)]
mod content;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod door;
#[cfg(test)]
mod files;
#[cfg(test)]
mod generations;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod json;
#[cfg(test)]
mod kill_switches;
#[cfg(test)]
mod landing;
#[cfg(test)]
mod life_of_a_charge;
#[cfg(test)]
mod markup;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod partners;
#[cfg(test)]
mod patch;
#[cfg(test)]
mod pods;
#[cfg(test)]
mod process;
#[cfg(test)]
mod reviews;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod sealed_days;
#[cfg(test)]
mod statement;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod unreviewed;
#[cfg(test)]
mod viewability;
