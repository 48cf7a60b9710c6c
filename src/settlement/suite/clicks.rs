//! What every store promises of clicks.

use super::*;
use crate::event::{Click, Clicked};

/// A click so many milliseconds after noon.
pub(super) fn click(store: &dyn Engine, charge: Charge, ms: u64) {
    store.click(Click { charge, at: noon().plus_ms(ms) }).unwrap();
}

/// What the journal has, once all that was queued is committed.
fn kept(store: &dyn Engine, day: ShanghaiDay) -> Vec<Clicked> {
    store.retire(LeaseId(u64::MAX), MicroYuan(0)).unwrap();
    store.snapshot().unwrap().clicks(day, None, 100).unwrap()
}

pub(super) fn r_ivt_clicks_are_kept_one_row_an_ad_with_their_count_and_times(store: &dyn Engine) {
    assert_eq!(kept(store, DAY), []);
    top_up(store, "bank 1", 100).unwrap();
    let lease = grant(store, CASH, 100).unwrap();
    let (one, two) = (charge(1, lease.id, Method::Pd, 10), charge(2, lease.id, Method::Pd, 10));
    let mut pod = one;
    pod.key.slot = Slot(1);
    let mut tomorrow = two;
    tomorrow.key.auction = AuctionId(u128::from(DAY.next().starts_at().0) << 80);
    for (charge, ms) in [(two, 50), (one, 900), (one, 20), (pod, 7), (tomorrow, 3), (one, 400)] {
        click(store, charge, ms);
    }
    let row = |charge: Charge, first, last, times| Clicked {
        auction: charge.key.auction,
        imp: 0,
        slot: charge.key.slot.0,
        media: charge.media,
        placement: 7,
        dsp: 1,
        buyer: BUYER,
        advertiser: 5,
        deal: DEAL,
        creative: 6,
        creative_version: 1,
        first_at: noon().plus_ms(first),
        last_at: noon().plus_ms(last),
        times,
    };
    let expected = [row(one, 20, 900, 3), row(pod, 7, 7, 1), row(two, 50, 50, 1)];
    assert_eq!(kept(store, DAY), expected, "without an impression too: that one is invalid, not unknown");
    assert_eq!(kept(store, DAY.next()), [row(tomorrow, 3, 3, 1)], "R-MONTH: the auction's day");
    let books = store.snapshot().unwrap();
    assert_eq!(books.clicks(DAY, None, 2).unwrap(), expected[..2]);
    assert_eq!(books.clicks(DAY, Some(expected[0].key()), 9).unwrap(), expected[1..]);
}

pub(super) fn clicks_wait_for_no_commit_and_none_comes_to_a_closed_lease(store: &dyn Engine) {
    top_up(store, "bank 1", 100).unwrap();
    let lease = grant(store, CASH, 100).unwrap();
    let one = charge(1, lease.id, Method::Pd, 10);
    click(store, one, 1);
    store.retire(lease.id, MicroYuan(10)).unwrap();
    click(store, one, 2);
    assert_eq!(kept(store, DAY)[0].times, 2, "a retired lease's tokens live");
    store.close_dead(noon().plus_ms(700_000)).unwrap();
    click(store, one, 3);
    click(store, charge(2, lease.id, Method::Pd, 10), 3);
    click(store, charge(3, LeaseId(99), Method::Pd, 10), 3);
    let rows = kept(store, DAY);
    assert_eq!((rows.len(), rows[0].times), (1, 2));
}
