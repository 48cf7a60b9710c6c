//! One suite for every store: what the ports promise, not how it is kept. It stands above the stores because it ends with the proof
//! of the books.

mod backups;
mod clicks;
mod closings;
pub(crate) mod desk;
mod durable;
mod exemptions;
mod facts;
mod funds;
mod histories;
mod model;
mod operations;
pub(crate) mod outbox;
mod payers;
mod seals;
mod several;
mod sums;

use std::sync::Arc;

use crate::clock::{ShanghaiDay, UnixMillis};
use crate::event::{
    Account, AccountKind, Archive, BookError, Booking, Charge, ChargeKey, DayCommitment, DayTerms, Journal, Lease,
    LeaseRequest, Leases, Ledger, Measure, Method, Operations, Outbox, Posting, Recorded, Resolution, Source, Stage,
    Sums, Tally, Transaction, Unrecorded, Via, VoidReason, sums_by_source,
};
use crate::ids::{
    AdvertiserId, AuctionId, BuyerId, CreativeId, CreativeVersion, DealId, DspId, IdBook, ImpIndex, Lane, LeaseId,
    MediaId, NodeId, PlacementId, Slot,
};
use crate::money::{CpmMicroYuan, MicroYuan, Quantity};
use crate::settlement::ledger::{derive, verify};
use crate::store::{MemoryStore, Options, Registry, SqliteStore};

use clicks::{
    clicks_wait_for_no_commit_and_none_comes_to_a_closed_lease,
    r_ivt_clicks_are_kept_one_row_an_ad_with_their_count_and_times,
};
use closings::{
    r_balance_a_failure_that_a_grant_had_paid_for_goes_back_to_the_grant,
    r_commit_a_day_is_closed_once_in_order_and_only_when_it_is_sealed,
    r_commit_grants_pay_what_is_payable_and_what_is_owed_goes_back_to_its_fund,
    r_makegood_a_day_without_funds_is_the_buyers_cause, r_makegood_worked_example_2_with_make_good_costs_360000,
    r_makegood_worked_example_2_without_make_good_costs_357000,
};
use exemptions::{
    r_commit_a_day_that_cannot_be_closed_holds_up_its_own_deal_alone,
    r_exempt_a_closed_day_gives_back_what_it_charged_to_be_made_good,
    r_exempt_what_a_day_without_funds_took_pays_what_is_owed_first,
    r_exempt_what_cannot_be_served_later_goes_back_to_where_it_came_from,
};
use facts::{a_fact_is_entered_once_with_all_of_its_money, facts_are_found_by_kind_and_by_whom_they_concern};
use funds::{
    r_balance_a_clients_own_account_pays_for_its_deals_alone,
    r_balance_grants_pay_before_cash_the_earliest_expiry_first_and_cash_before_credit,
    r_balance_what_is_left_of_a_grant_is_void_after_its_last_day,
    r_commit_a_day_is_set_aside_from_each_fund_and_keeps_its_terms,
    r_credit_a_limit_that_is_cut_leaves_what_is_held_valid,
    r_restrict_an_account_is_closed_when_nothing_of_it_is_held_and_voids_its_grants,
    r_restrict_frozen_money_is_not_leased_and_a_buyers_measures_are_its_clients,
};
use operations::{
    an_answer_is_remembered_for_a_day, generations_come_back_whole_newest_first,
    old_generations_are_let_go_and_their_numbers_are_not, the_last_word_on_a_subject_is_its_state,
};
use outbox::{
    a_won_bid_waits_is_told_once_and_billed_once, kept_notices_are_due_by_dsp_and_live_for_a_week,
    undelivered_notices_are_sent_again_with_an_entry_of_the_log, what_the_journal_posted_is_owed_however_it_is_found,
};

use payers::{
    r_balance_a_lease_over_midnight_is_used_up_by_the_earlier_day_first,
    r_balance_each_delivery_says_which_account_paid,
};
use seals::{
    a_day_of_clicks_alone_is_sealed, a_day_that_is_not_ready_is_not_sealed, a_sealed_day_takes_nothing_more,
    a_sealing_that_was_interrupted_begins_anew, r_retain_what_is_gone_stays_in_the_books,
    r_settle_a_day_is_sealed_when_its_tokens_are_dead_and_it_is_booked,
};
use sums::r_month_days_and_accounts_add_up;

/// Everything that a store is.
pub(crate) trait Engine: Journal + Leases + Archive + Registry + Operations + Outbox {}
impl<T: Journal + Leases + Archive + Registry + Operations + Outbox> Engine for T {}

/// A day and a moment of it that every test uses.
pub(crate) const DAY: ShanghaiDay = ShanghaiDay(20_000);
pub(crate) const BUYER: BuyerId = BuyerId(4);
pub(crate) const DEAL: DealId = DealId(2);

pub(crate) fn noon() -> UnixMillis {
    DAY.starts_at().plus_ms(12 * 3_600_000)
}

/// A charge of `amount` micro-yuan; `number` is its auction within the day.
pub(crate) fn charge(number: u32, lease: LeaseId, method: Method, amount: i64) -> Charge {
    let auction = AuctionId((u128::from(noon().0) << 80) | u128::from(number));
    Charge {
        key: ChargeKey { auction, imp: ImpIndex(0), slot: Slot(0) },
        expires_at: noon().plus_ms(600_000),
        media: MediaId(number % 3),
        placement: PlacementId(7),
        dsp: DspId(1),
        buyer: BUYER,
        advertiser: AdvertiserId(5),
        creative: CreativeId(6),
        version: CreativeVersion(1),
        deal: DEAL,
        method,
        lease,
        quantity: Quantity::ONE,
        price: CpmMicroYuan::new(amount * 1_000).unwrap(),
        earning: CpmMicroYuan::new(amount * 8 / 10 * 1_000).unwrap(),
        minimum_display_ms: 0,
    }
}

pub(crate) fn posted(charge: Charge) -> Posting {
    Posting { charge, resolution: Resolution::Posted, at: noon(), via: Via::Notice, displayed_ms: Some(1_000) }
}

pub(crate) fn voided(charge: Charge) -> Posting {
    Posting { resolution: Resolution::Voided(VoidReason::DealSuspended), ..posted(charge) }
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn record(store: &dyn Engine, posting: Posting) -> Result<Recorded, Unrecorded> {
    wait(store.submit(Lane(0), posting)?.outcome())
}

pub(crate) fn request(source: Source, want: i64) -> LeaseRequest {
    let window_ends = noon().plus_ms(60_000);
    let closes_at = noon().plus_ms(700_000);
    LeaseRequest { source, buyer: BUYER, want: MicroYuan(want), window_ends, closes_at }
}

pub(crate) fn grant(store: &dyn Engine, source: Source, want: i64) -> Option<Lease> {
    store.grant(request(source, want)).unwrap()
}

/// The figures of all pots of a source.
pub(crate) fn position(store: &dyn Engine, source: Source) -> Sums {
    sums_by_source(&store.snapshot().unwrap().positions(noon()).unwrap())[&source]
}

/// A day of a guaranteed deal that costs `amount` micro-yuan, paid from the buyer's balance.
pub(crate) fn day_of(deal: DealId, buyer: BuyerId, amount: i64) -> DayCommitment {
    let price = CpmMicroYuan::new(1_000).unwrap();
    let terms = DayTerms { ordered: amount.unsigned_abs(), price, push: (13, 10), amount: MicroYuan(amount) };
    DayCommitment { deal, day: DAY, buyer, payer: Source::Balance(buyer), terms }
}

pub(crate) fn top_up(store: &dyn Engine, reference: &str, amount: i64) -> Result<Booking, BookError> {
    store.top_up(BUYER, reference, MicroYuan(amount), noon())
}

const CASH: Source = Source::Balance(BUYER);

macro_rules! suite {
    ($($case:ident),+ $(,)?) => {
        mod memory_store {
            $(#[test] fn $case() { super::$case(&super::MemoryStore::new()); })+
        }
        mod sqlite_store {
            $(#[test] fn $case() {
                let folder = tempfile::tempdir().unwrap();
                let options = super::Options::new(folder.path(), super::NodeId(1));
                super::$case(&super::SqliteStore::open(options, super::noon()).unwrap());
            })+
        }
        mod several_sqlite_stores {
            $(#[test] fn $case() {
                // The same places for each call on every run.
                super::$case(&super::several::Several::open(2, 11));
                super::$case(&super::several::Several::open(3, 12));
            })+
        }
    };
}

suite!(
    r_prepay_a_reference_is_booked_once,
    r_prepay_no_more_is_leased_than_is_there,
    r_prepay_what_was_not_posted_comes_back,
    r_prepay_a_charge_is_posted_once_and_only_within_its_lease,
    r_prepay_cash_that_moves_by_a_booking_moves_the_purse,
    r_commit_a_day_is_funded_once_and_a_refused_one_may_be_tried_again,
    r_commit_guaranteed_charges_take_only_from_their_commitment,
    r_settle_the_ledger_follows_the_journal_and_agrees,
    tallies_add_up_and_posted_charges_are_counted_by_deal,
    r_ivt_clicks_are_kept_one_row_an_ad_with_their_count_and_times,
    clicks_wait_for_no_commit_and_none_comes_to_a_closed_lease,
    r_settle_a_day_is_sealed_when_its_tokens_are_dead_and_it_is_booked,
    a_sealed_day_takes_nothing_more,
    a_day_that_is_not_ready_is_not_sealed,
    r_retain_what_is_gone_stays_in_the_books,
    a_sealing_that_was_interrupted_begins_anew,
    a_day_of_clicks_alone_is_sealed,
    numbers_are_kept_and_never_given_twice,
    generations_come_back_whole_newest_first,
    old_generations_are_let_go_and_their_numbers_are_not,
    the_last_word_on_a_subject_is_its_state,
    an_answer_is_remembered_for_a_day,
    a_won_bid_waits_is_told_once_and_billed_once,
    what_the_journal_posted_is_owed_however_it_is_found,
    kept_notices_are_due_by_dsp_and_live_for_a_week,
    undelivered_notices_are_sent_again_with_an_entry_of_the_log,
    a_fact_is_entered_once_with_all_of_its_money,
    facts_are_found_by_kind_and_by_whom_they_concern,
    r_month_days_and_accounts_add_up,
    r_balance_grants_pay_before_cash_the_earliest_expiry_first_and_cash_before_credit,
    r_balance_what_is_left_of_a_grant_is_void_after_its_last_day,
    r_balance_a_clients_own_account_pays_for_its_deals_alone,
    r_commit_a_day_is_set_aside_from_each_fund_and_keeps_its_terms,
    r_credit_a_limit_that_is_cut_leaves_what_is_held_valid,
    r_restrict_frozen_money_is_not_leased_and_a_buyers_measures_are_its_clients,
    r_restrict_an_account_is_closed_when_nothing_of_it_is_held_and_voids_its_grants,
    r_balance_each_delivery_says_which_account_paid,
    r_balance_a_lease_over_midnight_is_used_up_by_the_earlier_day_first,
    r_commit_a_day_is_closed_once_in_order_and_only_when_it_is_sealed,
    r_commit_grants_pay_what_is_payable_and_what_is_owed_goes_back_to_its_fund,
    r_balance_a_failure_that_a_grant_had_paid_for_goes_back_to_the_grant,
    r_makegood_a_day_without_funds_is_the_buyers_cause,
    r_makegood_worked_example_2_without_make_good_costs_357000,
    r_makegood_worked_example_2_with_make_good_costs_360000,
    r_commit_a_day_that_cannot_be_closed_holds_up_its_own_deal_alone,
    r_exempt_a_closed_day_gives_back_what_it_charged_to_be_made_good,
    r_exempt_what_cannot_be_served_later_goes_back_to_where_it_came_from,
    r_exempt_what_a_day_without_funds_took_pays_what_is_owed_first,
    verify_accepts_an_empty_store,
);

fn r_prepay_a_reference_is_booked_once(store: &dyn Engine) {
    assert_eq!(top_up(store, "bank 1", 500), Ok(Booking::Booked));
    assert_eq!(
        store.top_up(BUYER, "bank 1", MicroYuan(500), noon().plus_ms(86_400_000)),
        Ok(Booking::AlreadyBooked),
        "a retry a day later is the same payment"
    );
    let error = top_up(store, "bank 1", 501).unwrap_err();
    assert!(error.to_string().contains("R-PREPAY") && error.to_string().contains("bank 1"), "{error}");
    assert!(store.top_up(BuyerId(9), "bank 1", MicroYuan(500), noon()).is_err(), "another buyer's");
    assert_eq!(top_up(store, "bank 2", 0), Err(BookError::NotPositive(MicroYuan(0))));
    assert_eq!(top_up(store, "bank 2", -1), Err(BookError::NotPositive(MicroYuan(-1))));
    assert_eq!(top_up(store, "bank 3", MicroYuan::LIMIT.0 - 500), Ok(Booking::Booked));
    assert!(matches!(top_up(store, "bank 4", 1), Err(BookError::Unbalanced(_))), "beyond what a balance may hold");
    assert_eq!(position(store, CASH).available(), MicroYuan::LIMIT);
}

fn r_prepay_no_more_is_leased_than_is_there(store: &dyn Engine) {
    assert_eq!(grant(store, CASH, 10), None, "nobody paid in");
    top_up(store, "bank 1", 100).unwrap();
    let first = grant(store, CASH, 70).unwrap();
    let second = grant(store, CASH, 70).unwrap();
    assert_eq!((first.amount, second.amount), (MicroYuan(70), MicroYuan(30)));
    assert_ne!(first.id, second.id);
    assert_ne!(first.id, LeaseId(0));
    assert_eq!(grant(store, CASH, 1), None);
    assert_eq!(grant(store, CASH, 0), None);
    let stolen = LeaseRequest { buyer: BuyerId(5), ..request(CASH, 1) };
    assert!(store.grant(stolen).is_err(), "another buyer's money");
    let seen = position(store, CASH);
    assert_eq!((seen.open, seen.holding, seen.available()), (MicroYuan(100), MicroYuan(0), MicroYuan(0)));
    let later = store.snapshot().unwrap().positions(first.window_ends).unwrap()[0];
    assert_eq!((later.open, later.holding), (MicroYuan(0), MicroYuan(100)), "the windows are over");
}

fn r_prepay_what_was_not_posted_comes_back(store: &dyn Engine) {
    top_up(store, "bank 1", 100).unwrap();
    let lease = grant(store, CASH, 100).unwrap();
    record(store, posted(charge(1, lease.id, Method::Pd, 20))).unwrap();
    store.retire(lease.id, MicroYuan(50)).unwrap();
    assert_eq!(position(store, CASH).available(), MicroYuan(50), "100 less the 50 that were awarded");
    store.retire(lease.id, MicroYuan(20)).unwrap();
    store.retire(LeaseId(99), MicroYuan(20)).unwrap();
    assert_eq!(position(store, CASH).holding, MicroYuan(50), "a lease is retired once");
    let before = noon().plus_ms(699_999);
    assert_eq!(store.close_dead(before), Ok(0));
    assert_eq!(record(store, posted(charge(2, lease.id, Method::Pd, 10))), Ok(Recorded::Posted), "a token in time");
    assert_eq!(store.close_dead(before.plus_ms(1)), Ok(1));
    assert_eq!(store.close_dead(before.plus_ms(1)), Ok(0));
    let seen = position(store, CASH);
    assert_eq!((seen.settled, seen.held(), seen.available()), (MicroYuan(30), MicroYuan(0), MicroYuan(70)));
    assert_eq!(record(store, posted(charge(3, lease.id, Method::Pd, 1))), Ok(Recorded::LeaseClosed));
    assert_eq!(record(store, posted(charge(1, lease.id, Method::Pd, 20))), Ok(Recorded::AlreadyPosted));
    // A figure below what was posted cannot free spent money, one above the grant cannot hold more.
    let lease = grant(store, CASH, 40).unwrap();
    record(store, posted(charge(4, lease.id, Method::Pd, 40))).unwrap();
    store.retire(lease.id, MicroYuan(0)).unwrap();
    assert_eq!(position(store, CASH).held(), MicroYuan(40));
    let lease = grant(store, CASH, 30).unwrap();
    store.retire(lease.id, MicroYuan(1_000)).unwrap();
    assert_eq!(position(store, CASH).held(), MicroYuan(70));
}

fn r_prepay_a_charge_is_posted_once_and_only_within_its_lease(store: &dyn Engine) {
    top_up(store, "bank 1", 100).unwrap();
    let lease = grant(store, CASH, 60).unwrap();
    let one = charge(1, lease.id, Method::Pd, 25);
    assert_eq!(record(store, posted(one)), Ok(Recorded::Posted));
    assert_eq!(record(store, posted(one)), Ok(Recorded::AlreadyPosted));
    assert_eq!(record(store, voided(one)), Ok(Recorded::AlreadyPosted), "a void comes too late");
    let two = charge(2, lease.id, Method::Pd, 25);
    assert_eq!(record(store, voided(two)), Ok(Recorded::Voided));
    assert_eq!(record(store, posted(two)), Ok(Recorded::AlreadyVoided));
    let mut pod = one;
    pod.key.slot = Slot(1);
    assert_eq!(record(store, posted(pod)), Ok(Recorded::Posted), "another ad of the same imp");
    assert_eq!(record(store, posted(charge(3, lease.id, Method::Pd, 11))), Ok(Recorded::LeaseClosed), "61 of 60");
    assert_eq!(record(store, posted(charge(3, lease.id, Method::Pd, 10))), Ok(Recorded::Posted), "60 of 60");
    assert_eq!(record(store, posted(charge(4, LeaseId(77), Method::Pd, 1))), Ok(Recorded::LeaseClosed));
    assert_eq!(record(store, posted(charge(4, LeaseId(u64::MAX), Method::Pd, 1))), Ok(Recorded::LeaseClosed));
    let other = Charge { buyer: BuyerId(8), ..charge(5, lease.id, Method::Pd, 0) };
    assert_eq!(record(store, posted(other)), Ok(Recorded::LeaseClosed), "another buyer's charge");
    assert_eq!(record(store, posted(charge(5, lease.id, Method::Pdb, 0))), Ok(Recorded::LeaseClosed));
    let books = store.snapshot().unwrap();
    assert_eq!(books.head_seq(), Ok(4));
    let rows = books.charges(0, 10).unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(rows[1].resolution, VoidReason::DealSuspended.code());
    assert_eq!(books.charges(1, 2).unwrap(), rows[1..3]);
    assert_eq!(books.totals().unwrap().posted, MicroYuan(60));
}

fn r_prepay_cash_that_moves_by_a_booking_moves_the_purse(store: &dyn Engine) {
    use crate::event::{Draft, Entry, TransactionKind};
    top_up(store, "bank 1", 100).unwrap();
    let moved = |reference: &str, kind, amount| {
        let side = |account, amount| Entry { account, amount: MicroYuan(amount) };
        let other = Account { kind, owner: BUYER.0 };
        let draft = Draft {
            kind: TransactionKind::TopUp,
            reference: reference.to_owned(),
            day: DAY,
            made_at: noon(),
            span: None,
            note: "to deposit".to_owned(),
            entries: vec![side(Account::cash(BUYER), amount), side(other, -amount)],
            lines: vec![],
            draws: vec![],
        };
        Transaction::check(draft).unwrap()
    };
    assert_eq!(store.book(vec![moved("a", AccountKind::BuyerDeposit, 40)]), Ok(Booking::Booked));
    assert_eq!(position(store, CASH).funded, MicroYuan(60));
    let both = vec![moved("b", AccountKind::BuyerDeposit, 60), moved("c", AccountKind::BuyerDeposit, 1)];
    assert!(matches!(store.book(both), Err(BookError::Insufficient { available: MicroYuan(0), .. })), "none of both");
    assert_eq!(position(store, CASH).funded, MicroYuan(60));
    assert!(matches!(
        store.book(vec![moved("d", AccountKind::BuyerCommitted, 1)]),
        Err(BookError::MovesCommitment(Account { kind: AccountKind::BuyerCommitted, .. }))
    ));
    assert_eq!(store.book(vec![moved("b", AccountKind::BuyerDeposit, 60)]), Ok(Booking::Booked), "b was not booked");
    verify(&*store.snapshot().unwrap()).unwrap();
}

fn r_commit_a_day_is_funded_once_and_a_refused_one_may_be_tried_again(store: &dyn Engine) {
    let commit = |amount, now| store.commit_day(&day_of(DEAL, BUYER, amount), now).unwrap();
    assert!(!commit(60, noon()), "nothing paid in");
    top_up(store, "bank 1", 100).unwrap();
    let lease = grant(store, CASH, 50).unwrap();
    assert!(!commit(60, noon()), "50 are leased");
    store.retire(lease.id, MicroYuan(0)).unwrap();
    assert!(commit(60, noon()), "a refused day may be tried again");
    assert!(commit(60, noon()) && commit(90, noon()), "funded once");
    assert_eq!(position(store, CASH).available(), MicroYuan(40));
    assert_eq!(position(store, Source::Commitment(DEAL, DAY)).available(), MicroYuan(60));
    let after = DAY.next().starts_at();
    assert!(commit(60, after), "remembered");
    assert!(!store.commit_day(&day_of(DealId(9), BUYER, 1), after).unwrap(), "the day is over");
    assert!(store.commit_day(&day_of(DealId(10), BUYER, 0), noon()).unwrap(), "a day of nothing needs nothing");
    assert_eq!(grant(store, Source::Commitment(DealId(10), DAY), 5), None);
    verify(&*store.snapshot().unwrap()).unwrap();
}

fn r_commit_guaranteed_charges_take_only_from_their_commitment(store: &dyn Engine) {
    top_up(store, "bank 1", 100).unwrap();
    assert!(store.commit_day(&day_of(DEAL, BUYER, 60), noon()).unwrap());
    let source = Source::Commitment(DEAL, DAY);
    let lease = grant(store, source, 100).unwrap();
    assert_eq!(lease.amount, MicroYuan(60));
    assert_eq!(record(store, posted(charge(1, lease.id, Method::Pdb, 35))), Ok(Recorded::Posted));
    assert_eq!(record(store, posted(charge(2, lease.id, Method::Pd, 5))), Ok(Recorded::LeaseClosed));
    let other = Charge { deal: DealId(77), ..charge(2, lease.id, Method::Pdb, 5) };
    assert_eq!(record(store, posted(other)), Ok(Recorded::LeaseClosed), "another deal's");
    assert_eq!(record(store, posted(charge(2, lease.id, Method::Pdb, 0))), Ok(Recorded::Posted), "make-good at zero");
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    let seen = position(store, source);
    assert_eq!((seen.settled, seen.available()), (MicroYuan(35), MicroYuan(25)));
    assert_eq!(position(store, CASH).available(), MicroYuan(40));
    derive(store, noon()).unwrap();
    verify(&*store.snapshot().unwrap()).unwrap();
}

fn r_settle_the_ledger_follows_the_journal_and_agrees(store: &dyn Engine) {
    top_up(store, "bank 1", 1_000_000).unwrap();
    let lease = grant(store, CASH, 500_000).unwrap();
    for number in 0..20 {
        record(store, posted(charge(number, lease.id, Method::Pd, 35_000 / 5))).unwrap();
    }
    record(store, voided(charge(20, lease.id, Method::Pd, 1))).unwrap();
    let derived = derive(store, noon()).unwrap();
    assert_eq!((derived.rows, derived.transactions, derived.cursor), (21, 1, 21));
    assert_eq!(derive(store, noon()).unwrap().rows, 0, "nothing twice");
    record(store, posted(charge(21, lease.id, Method::Pd, 1))).unwrap();
    let pending = verify(&*store.snapshot().unwrap()).unwrap();
    assert_eq!((pending.head_seq, pending.derived_seq, pending.pending_micro_yuan), (22, 21, 1));
    derive(store, noon()).unwrap();
    let books = store.snapshot().unwrap();
    let proved = verify(&*books).unwrap();
    assert_eq!((proved.posted_micro_yuan, proved.ledger_micro_yuan), (140_001, 140_001));
    assert_eq!((proved.charges, proved.transactions, proved.derived_seq), (22, 3, 22));
    assert_eq!(books.totals().unwrap().ledger, MicroYuan(140_001));
    assert_eq!(books.cursor(), Ok(22));
}

fn tallies_add_up_and_posted_charges_are_counted_by_deal(store: &dyn Engine) {
    let tally = |stage, count| Tally { day: DAY, deal: DEAL, measure: Measure::Stage(stage), count };
    store.tally(vec![tally(Stage::Offered, 5), tally(Stage::Matched, 7), tally(Stage::Offered, 1)]).unwrap();
    store.tally(vec![tally(Stage::Offered, 4), Tally { day: DAY.next(), ..tally(Stage::Offered, 9) }]).unwrap();
    top_up(store, "bank 1", 100).unwrap();
    let lease = grant(store, CASH, 100).unwrap();
    record(store, posted(charge(1, lease.id, Method::Pd, 5))).unwrap();
    record(store, posted(charge(2, lease.id, Method::Pd, 5))).unwrap();
    record(store, voided(charge(3, lease.id, Method::Pd, 5))).unwrap();
    let books = store.snapshot().unwrap();
    assert_eq!(books.tallies_of(DAY).unwrap(), [tally(Stage::Matched, 7), tally(Stage::Offered, 10)]);
    assert_eq!(books.posted_of(DAY).unwrap(), [(DEAL, 2)]);
    assert_eq!(books.posted_of(DAY.next()).unwrap(), []);
}

fn numbers_are_kept_and_never_given_twice(store: &dyn Engine) {
    let mut book = IdBook::default();
    let deal: DealId = book.assign("PDB-1");
    let media: MediaId = book.assign("PDB-1");
    let fresh = book.fresh();
    store.save_ids(&fresh).unwrap();
    store.save_ids(&fresh).unwrap();
    let mut loaded = store.snapshot().unwrap().load_ids().unwrap();
    assert_eq!((loaded.find("PDB-1"), loaded.find("PDB-1")), (Some(deal), Some(media)));
    assert_eq!(loaded.assign::<DealId>("PDB-2"), DealId(1));
    let kind = fresh[0].0;
    assert!(store.save_ids(&[(kind, 1, "PDB-2".into()), (kind, 0, "other".into())]).is_err(), "number 0 is given");
    assert!(store.save_ids(&[(kind, 1, "PDB-1".into())]).is_err(), "the string has a number");
    assert_eq!(store.snapshot().unwrap().load_ids().unwrap().find::<DealId>("PDB-2"), None, "all or none");
}

fn verify_accepts_an_empty_store(store: &dyn Engine) {
    assert_eq!(derive(store, noon()).unwrap().rows, 0);
    assert_eq!(verify(&*store.snapshot().unwrap()).unwrap(), crate::settlement::ledger::Verified::default());
}

/// Many threads post the same charges at once: each is posted exactly once.
fn duplicates_from_many_threads(store: &Arc<dyn Engine>) {
    top_up(&**store, "bank 1", 1_000_000).unwrap();
    let lease = grant(&**store, CASH, 1_000_000).unwrap();
    let threads: Vec<_> = (0..8)
        .map(|lane| {
            let store = store.clone();
            std::thread::spawn(move || {
                let mut fresh = 0;
                let receipts: Vec<_> = (0..500)
                    .map(|step| {
                        let number = (step * 7 + u32::from(lane) * 31) % 500;
                        store.submit(Lane(lane), posted(charge(number, lease.id, Method::Pd, 100))).unwrap()
                    })
                    .collect();
                for receipt in receipts {
                    match wait(receipt.outcome()) {
                        Ok(Recorded::Posted) => fresh += 1,
                        Ok(Recorded::AlreadyPosted) => {}
                        other => panic!("{other:?}"),
                    }
                }
                fresh
            })
        })
        .collect();
    let fresh: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(fresh, 500);
    derive(&**store, noon()).unwrap();
    let proved = verify(&*store.snapshot().unwrap()).unwrap();
    assert_eq!((proved.charges, proved.posted_micro_yuan), (500, 50_000));
}

#[test]
fn many_threads_submit_duplicates_and_each_charge_is_posted_once() {
    let memory: Arc<dyn Engine> = Arc::new(MemoryStore::new());
    duplicates_from_many_threads(&memory);
    let folder = tempfile::tempdir().unwrap();
    let sqlite: Arc<dyn Engine> = Arc::new(SqliteStore::open(Options::new(folder.path(), NodeId(1)), noon()).unwrap());
    duplicates_from_many_threads(&sqlite);
}
