//! What every store promises of what DSPs are owed.

use super::operations::audit;
use super::*;
use crate::event::{
    Attempt, KeptNotice, NOTICE_LIFE_MS, NoticeFilter, NoticeKind, NoticeWords, OutboxRound, Owed, OwedNotice, Resend,
    WAITING_GRACE_MS, WonBid,
};
use crate::money::Currency;

/// A won bid of the auction with that number.
pub(crate) fn won(number: u32) -> WonBid {
    let charge = charge(number, LeaseId(0), Method::Pd, 1);
    WonBid {
        key: charge.key,
        dsp: charge.dsp,
        expires_at: charge.expires_at,
        price: 35_100_000,
        bid: 40_000_000,
        currency: Currency::parse("USD").unwrap(),
        quantity: Quantity(1_500),
        words: NoticeWords {
            imp: "imp-1".to_owned(),
            response: Some("response".to_owned()),
            seat: None,
            ad: Some("ad".to_owned()),
        },
        win: Some("https://dsp.example/win".to_owned()),
        bill: None,
        told: false,
    }
}

fn owed(number: u32, dsp: u32, next_at: Option<UnixMillis>) -> OwedNotice {
    OwedNotice {
        key: won(number).key,
        dsp: DspId(dsp),
        kind: NoticeKind::Bill,
        url: format!("https://dsp.example/bill?{number}"),
        attempts: 1,
        next_at,
        error: "status 500".to_owned(),
        made_at: noon(),
    }
}

fn keep(store: &dyn Engine, round: &OutboxRound) -> Owed {
    store.keep(round).unwrap()
}

/// Pays in, leases, and posts the charge with that number.
fn post(store: &dyn Engine, number: u32) {
    top_up(store, &format!("bank {number}"), 100).unwrap();
    let lease = grant(store, CASH, 100).unwrap();
    assert_eq!(record(store, posted(charge(number, lease.id, Method::Pd, 1))), Ok(Recorded::Posted));
}

pub(super) fn a_won_bid_waits_is_told_once_and_billed_once(store: &dyn Engine) {
    let key = won(1).key;
    assert_eq!(keep(store, &OutboxRound { waiting: vec![won(1), won(2)], ..OutboxRound::default() }), Owed::default());
    let shown = OutboxRound { shown: vec![key, won(9).key], ..OutboxRound::default() };
    assert_eq!(keep(store, &shown), Owed { shown: vec![won(1)], ..Owed::default() });
    assert_eq!(keep(store, &shown), Owed::default(), "told once");
    let billed = OutboxRound { posted: vec![(key, noon()), (won(9).key, noon())], ..OutboxRound::default() };
    let told = WonBid { told: true, ..won(1) };
    assert_eq!(keep(store, &billed), Owed { posted: vec![(told.clone(), noon())], ..Owed::default() });
    assert_eq!(keep(store, &billed), Owed::default(), "owed once, though it was not settled yet");
    let (mut keys, again) = store.resume().unwrap();
    keys.sort_unstable();
    assert_eq!((keys, again.posted), (vec![key, won(2).key], vec![(told, noon())]), "a start finds it unsettled");
    keep(store, &OutboxRound { settled: vec![key], ..OutboxRound::default() });
    assert_eq!(store.resume(), Ok((vec![won(2).key], Owed::default())));
}

pub(super) fn what_the_journal_posted_is_owed_however_it_is_found(store: &dyn Engine) {
    (1..=3).for_each(|number| post(store, number));
    let kept = keep(store, &OutboxRound { waiting: vec![won(1), won(4), won(5)], ..OutboxRound::default() });
    assert_eq!(kept, Owed { posted: vec![(won(1), noon())], ..Owed::default() }, "posted before it was kept");
    post(store, 4);
    let end = won(1).expires_at.plus_ms(WAITING_GRACE_MS);
    assert_eq!(store.tidy(UnixMillis(end.0 - 1), 10), Ok(Owed::default()));
    let found = store.tidy(end, 10).unwrap();
    assert_eq!(found, Owed { posted: vec![(won(4), noon())], over: vec![won(5).key], ..Owed::default() });
    keep(store, &OutboxRound { settled: vec![won(1).key, won(4).key], ..OutboxRound::default() });
    keep(store, &OutboxRound { waiting: vec![won(6)], ..OutboxRound::default() });
    post(store, 6);
    let (_, owed) = store.resume().unwrap();
    assert_eq!(owed.posted, [(won(6), noon())], "posted while nobody looked");
    assert_eq!(store.tidy(end, 10), Ok(Owed::default()), "it is owed already");
}

pub(super) fn kept_notices_are_due_by_dsp_and_live_for_a_week(store: &dyn Engine) {
    let at = |ms| Some(noon().plus_ms(ms));
    let failed = vec![owed(1, 1, at(20)), owed(2, 1, at(10)), owed(3, 2, at(10)), owed(4, 1, None), owed(5, 1, at(30))];
    keep(store, &OutboxRound { failed: failed.clone(), ..OutboxRound::default() });
    let ids = |found: Vec<KeptNotice>| found.into_iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(ids(store.due(noon().plus_ms(9), 10).unwrap()), [0_u64; 0]);
    assert_eq!(ids(store.due(noon().plus_ms(30), 2).unwrap()), [2, 1, 3], "two of each DSP, the oldest first");
    assert_eq!(ids(store.due(UnixMillis(noon().0 - 4_000_000), 9).unwrap()), [2, 1, 5, 3], "a clock that was wrong");
    assert_eq!(store.owed(), Ok((4, 1)));
    assert_eq!(
        store.notices(NoticeFilter::default(), 3, 1).unwrap()[0],
        KeptNotice { id: 2, notice: failed[1].clone() }
    );
    let of = |dsp, undelivered| ids(store.notices(NoticeFilter { dsp, undelivered }, u64::MAX, 10).unwrap());
    assert_eq!(of(Some(DspId(1)), None), [5, 4, 2, 1]);
    assert_eq!((of(None, Some(true)), of(Some(DspId(2)), Some(false))), (vec![4], vec![3]));
    let again = Attempt::Failed { attempts: 2, next_at: at(50), error: "timeout".to_owned() };
    let tried = vec![(1, again), (2, Attempt::Delivered), (77, Attempt::Delivered)];
    keep(store, &OutboxRound { tried, ..OutboxRound::default() });
    assert_eq!(ids(store.due(noon().plus_ms(49), 10).unwrap()), [5, 3]);
    let now = &store.notices(NoticeFilter::default(), 2, 1).unwrap()[0].notice;
    assert_eq!((now.attempts, now.next_at, now.error.as_str()), (2, at(50), "timeout"));
    store.tidy(UnixMillis(noon().0 + NOTICE_LIFE_MS - 1), 10).unwrap();
    assert_eq!(store.owed(), Ok((3, 1)));
    store.tidy(UnixMillis(noon().0 + NOTICE_LIFE_MS), 10).unwrap();
    assert_eq!(store.owed(), Ok((0, 0)), "R-RETAIN");
    keep(store, &OutboxRound { failed: vec![owed(6, 1, None)], ..OutboxRound::default() });
    assert_eq!(ids(store.notices(NoticeFilter::default(), u64::MAX, 9).unwrap()), [6], "an id is never given twice");
}

pub(super) fn undelivered_notices_are_sent_again_with_an_entry_of_the_log(store: &dyn Engine) {
    let failed = vec![owed(1, 1, None), owed(2, 1, None), owed(3, 2, None), owed(4, 1, Some(noon()))];
    keep(store, &OutboxRound { failed, ..OutboxRound::default() });
    assert_eq!(store.resend(Resend::One(4), noon(), &audit("resend")), Ok(0), "it is tried by itself");
    assert_eq!(store.resend(Resend::One(99), noon(), &audit("resend")), Ok(0));
    assert_eq!(store.audits(u64::MAX, 10).unwrap().len(), 0);
    assert_eq!(store.resend(Resend::One(3), noon(), &audit("resend")), Ok(1));
    assert_eq!(store.resend(Resend::Of(DspId(1)), noon(), &audit("resend")), Ok(2));
    assert_eq!(store.resend(Resend::Of(DspId(1)), noon(), &audit("resend")), Ok(0), "they are under way");
    assert_eq!(store.audits(u64::MAX, 10).unwrap().len(), 2);
    let due = store.due(noon(), 10).unwrap();
    assert_eq!(due.iter().map(|it| (it.id, it.notice.attempts)).collect::<Vec<_>>(), [(1, 0), (2, 0), (4, 1), (3, 0)]);
}
