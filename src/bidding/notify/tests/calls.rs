//! Calls to receivers of every temper, and what is kept of them.

use super::receiver::{Act, EMPTY, FAIL, Receiver};
use super::*;
use crate::event::{Audit, Resend, StoreUnavailable};

fn bill_of(number: u32, receiver: &Receiver) -> String {
    receiver.url(&format!("/bill/{number}"))
}

/// Wins and bills one impression whose DSP wants only the bill.
fn billed(bench: &Bench, number: u32, dsp: u32, url: &str) {
    bench.posted(bench.won(number, dsp, None, Some(url)));
}

#[test]
fn each_notice_is_called_once_in_whatever_order_the_media_speaks() {
    let bench = Bench::start();
    let receiver = Receiver::start(&[]);
    let url = |kind: &str, number: u32| receiver.url(&format!("/{kind}/{number}"));
    let win = |number| bench.won(number, 0, Some(&url("win", number)), Some(&url("bill", number)));
    let [first, second, third, fourth] = [1, 2, 3, 4].map(win);
    // Win before bill, with repeats; bill before win; bill alone; win alone.
    bench.notices.shown(first, DspId(0));
    bench.notices.shown(first, DspId(0));
    bench.posted(first);
    bench.notices.shown(first, DspId(0));
    bench.posted(first);
    bench.posted(second);
    bench.notices.shown(second, DspId(0));
    bench.posted(third);
    bench.notices.shown(fourth, DspId(0));
    bench.notices.shown(key(99), DspId(0));
    bench.posted(key(99));
    let wanted: Vec<_> = ["/bill/1", "/bill/2", "/bill/3", "/win/1", "/win/2", "/win/3", "/win/4"].into();
    bench.until("all have come", || receiver.targets().len() >= wanted.len());
    let mut targets = receiver.targets();
    targets.sort();
    assert_eq!(targets, wanted);
    let counted = |kind| bench.counted(0, kind, NoticeOutcome::Delivered);
    bench.until("they are counted", || (counted(NoticeKind::Bill), counted(NoticeKind::Win)) == (3, 4));
    let head = &receiver.heads()[0];
    assert!(head.starts_with("GET /") && head.contains(&format!("host: 127.0.0.1:{}\r\n", receiver.port())), "{head}");
    assert!(!head.to_lowercase().contains("forwarded"), "R-CONSENT: no address of a user");
    assert!(receiver.connections() <= 16);
}

#[test]
fn a_failure_is_kept_and_tried_again_until_it_is_delivered() {
    let bench = Bench::start();
    for (number, act) in [
        (1, Act::Say(FAIL)),
        (2, Act::Close),
        (3, Act::Silent),
        (4, Act::Dribble),
        (5, Act::Say("SSH-2.0-x\r\n\r\n")),
        (6, Act::Say("HTTP/1.1 429 Wait\r\ncontent-length: 0\r\n\r\n")),
    ] {
        let receiver = Receiver::start(&[act.clone(), Act::Say(EMPTY)]);
        billed(&bench, number, 0, &bill_of(number, &receiver));
        bench.until("it is delivered", || {
            bench.counted(0, NoticeKind::Bill, NoticeOutcome::Delivered) == u64::from(number)
        });
        bench.until("it is forgotten", || bench.kept().is_empty());
        assert_eq!(receiver.targets().len(), 2, "{act:?}");
        assert_eq!(bench.counted(0, NoticeKind::Bill, NoticeOutcome::Retried), u64::from(number));
    }
}

#[test]
fn a_bill_is_tried_seven_times_a_win_three_times_and_a_loss_once() {
    let bench = Bench::start();
    let receiver = Receiver::start(&vec![Act::Say(FAIL); 11]);
    let key = bench.won(1, 0, Some(&receiver.url("/win")), Some(&receiver.url("/bill")));
    bench.posted(key);
    bench.lost(2, 0, &receiver.url("/loss"));
    let given_up = |kind| bench.counted(0, kind, NoticeOutcome::Undelivered);
    bench.until("all are given up", || NoticeKind::ALL.into_iter().all(|kind| given_up(kind) == 1));
    let count = |target: &str| receiver.targets().iter().filter(|it| *it == target).count();
    assert_eq!((count("/bill"), count("/win"), count("/loss")), (7, 3, 1));
    bench.until("they are kept", || bench.kept().iter().filter(|it| it.notice.next_at.is_none()).count() == 2);
    let kept = bench.kept();
    let attempts: Vec<_> =
        kept.iter().map(|it| (it.notice.kind, it.notice.attempts, it.notice.error.as_str())).collect();
    assert!(attempts.contains(&(NoticeKind::Bill, 7, "status 500")), "{attempts:?}");
    assert!(attempts.contains(&(NoticeKind::Win, 3, "status 500")), "{attempts:?}");
    // An operator has them sent again, and the receiver is well by now.
    let audit = Audit {
        seq: 0,
        at: noon(),
        actor: "a test".to_owned(),
        action: "resend".to_owned(),
        subject: String::new(),
        before: String::new(),
        after: String::new(),
        reason: String::new(),
    };
    assert_eq!(bench.store.resend(Resend::Of(DspId(0)), noon(), &audit), Ok(2));
    bench.notices.stir();
    bench.until("they are delivered", || bench.kept().is_empty());
    assert_eq!((count("/bill"), count("/win")), (8, 4));
}

#[test]
fn what_cannot_mend_is_tried_once_and_a_redirect_is_not_followed() {
    let bench = Bench::start();
    let elsewhere = Receiver::start(&[]);
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url("/"));
    let redirect: &'static str = redirect.leak();
    for (number, answer) in [(1, redirect), (2, "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n")] {
        let receiver = Receiver::start(&[Act::Say(answer)]);
        billed(&bench, number, 0, &bill_of(number, &receiver));
        bench.until("it is kept", || bench.kept().len() == number as usize);
        assert_eq!(receiver.targets().len(), 1);
    }
    let errors: Vec<_> = bench.kept().into_iter().map(|it| (it.notice.error, it.notice.next_at)).collect();
    assert_eq!(errors, [("status 404".to_owned(), None), ("status 302".to_owned(), None)]);
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_body_without_end_is_delivered_and_not_read() {
    let bench = Bench::start();
    let receiver = Receiver::start(&[Act::Endless]);
    billed(&bench, 1, 0, &bill_of(1, &receiver));
    billed(&bench, 2, 0, &bill_of(2, &receiver));
    bench.until("both are delivered", || bench.counted(0, NoticeKind::Bill, NoticeOutcome::Delivered) == 2);
    assert_eq!(receiver.targets().len(), 2);
}

#[test]
fn an_internal_address_is_refused_after_its_name_is_resolved_unless_the_config_allows_it() {
    let bench = Bench::with(quick(), loopback);
    let receiver = Receiver::start(&[]);
    let port = receiver.port();
    let forms = [
        format!("http://dsp.example:{port}/a"),
        format!("http://127.0.0.1:{port}/b"),
        format!("http://[::1]:{port}/c"),
        format!("http://[::ffff:127.0.0.1]:{port}/d"),
        format!("http://2130706433:{port}/e"),
        format!("http://0x7f.1:{port}/f"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://100.64.0.1/cgn".to_owned(),
        "http://[fe80::1]/link".to_owned(),
    ];
    for (number, url) in forms.iter().enumerate() {
        billed(&bench, number as u32, 2, url);
    }
    bench.until("all are kept", || bench.kept().len() == forms.len());
    assert!(bench.kept().iter().all(|it| (it.notice.error.as_str(), it.notice.next_at) == ("forbidden", None)));
    bench.notices.monitor(forms[0].clone());
    let failed = |place| bench.metrics.monitors.iter().nth(place).unwrap().1;
    bench.until("the monitor is refused", || failed(1) == 1);
    assert_eq!(receiver.connections(), 0, "nothing was dialled");
    billed(&bench, 77, 0, &forms[0]);
    bench.until("the other DSP's is delivered", || !receiver.targets().is_empty());
}

#[test]
fn a_dead_dsp_keeps_nobody_else_waiting() {
    // Never stopped: an end waits for calls that are under way.
    let times = Times { call: Duration::from_secs(3_600), ..quick() };
    let bench = std::mem::ManuallyDrop::new(Bench::with(times, system_lookup));
    let (dead, well) = (Receiver::start(&vec![Act::Silent; 100]), Receiver::start(&[]));
    for number in 0..100 {
        billed(&bench, number, 1, &bill_of(number, &dead));
    }
    bench.until("the dead one is called", || dead.targets().len() == 16);
    for number in 100..200 {
        billed(&bench, number, 0, &bill_of(number, &well));
    }
    bench.until("the others' have all come", || well.targets().len() == 100);
    assert_eq!(dead.targets().len(), 16, "its cap");
}

#[test]
fn what_is_owed_outlives_its_node() {
    let mut bench = Bench::with(Times { again: Duration::from_secs(600), ..quick() }, system_lookup);
    let receiver = Receiver::start(&[Act::Say(FAIL)]);
    let waiting = bench.won(1, 0, Some(&receiver.url("/win/1")), Some(&receiver.url("/bill/1")));
    let told = bench.won(2, 0, Some(&receiver.url("/win/2")), Some(&receiver.url("/bill/2")));
    billed(&bench, 3, 0, &bill_of(3, &receiver));
    bench.until("it failed and is kept", || bench.kept().len() == 1);
    bench.notices.shown(told, DspId(0));
    bench.until("one win was told", || receiver.targets().len() == 2);
    bench.times = quick();
    bench.restart();
    assert_eq!(bench.kept()[0].notice.attempts, 1, "ten minutes are not over");
    bench.notices.shown(waiting, DspId(0));
    bench.notices.shown(told, DspId(0));
    bench.posted(told);
    bench.posted(waiting);
    bench.posted(waiting);
    bench.until("all have come", || receiver.targets().len() == 5);
    bench.restart();
    let mut targets = receiver.targets();
    targets.sort();
    assert_eq!(targets, ["/bill/1", "/bill/2", "/bill/3", "/win/1", "/win/2"]);
    assert_eq!(bench.store.resume().unwrap().0, [], "nothing waits any more");
}

#[test]
fn an_end_keeps_what_it_could_not_send() {
    let mut bench = Bench::with(Times { call: Duration::from_secs(3), ..quick() }, system_lookup);
    let receiver = Receiver::start(&vec![Act::Silent; 16]);
    for number in 0..20 {
        billed(&bench, number, 0, &bill_of(number, &receiver));
    }
    bench.until("its cap is reached", || receiver.targets().len() == 16);
    (0..20).for_each(|number| bench.lost(100 + number, 0, &receiver.url("/loss")));
    bench.notifier.take().unwrap().stop(Duration::ZERO);
    let mut attempts: Vec<_> = bench.kept().iter().map(|it| it.notice.attempts).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [&[0; 4][..], &[1; 16]].concat(), "four were never begun, and each is due again");
    assert!(bench.kept().iter().all(|it| it.notice.next_at.is_some() && it.notice.kind == NoticeKind::Bill));
    assert_eq!(bench.counted(0, NoticeKind::Loss, NoticeOutcome::Dropped), 20, "losses are not kept");
    bench.notices = Notices::new(bench.metrics.clone());
    bench.begin();
    bench.until("all have come", || bench.counted(0, NoticeKind::Bill, NoticeOutcome::Delivered) == 20);
    bench.until("nothing is kept", || bench.kept().is_empty());
    assert_eq!(receiver.targets().len(), 36);
}

#[test]
fn a_suspended_dsp_hears_nothing_and_is_owed_what_was_billed() {
    let bench = Bench::start();
    let receiver = Receiver::start(&[]);
    let key = bench.won(1, 3, Some(&receiver.url("/win")), Some(&receiver.url("/bill")));
    bench.lost(2, 3, &receiver.url("/loss"));
    bench.posted(key);
    let suspended = |kind| bench.counted(3, kind, NoticeOutcome::Suspended);
    bench.until("all are refused", || NoticeKind::ALL.into_iter().all(|kind| suspended(kind) == 1));
    bench.until("the bill is kept", || bench.kept().len() == 1);
    let kept = &bench.kept()[0].notice;
    assert_eq!((kept.kind, kept.attempts, kept.next_at), (NoticeKind::Bill, 0, None));
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn a_url_that_is_none_is_dropped_under_its_name() {
    let bench = Bench::start();
    billed(&bench, 1, 0, "ftp://dsp.example/bill");
    bench.lost(2, 0, "http://user@dsp.example/loss");
    bench.until("both are counted", || {
        [NoticeKind::Bill, NoticeKind::Loss].into_iter().all(|kind| bench.counted(0, kind, NoticeOutcome::BadUrl) == 1)
    });
    assert_eq!(bench.kept(), []);
    let long = format!("http://dsp.example/{}", "x".repeat(2_048));
    let mut tidings = Tidings::new(key(3).auction, 1);
    assert!(!tidings.lost(&bid(0), Some(&long), 102));
    assert!(tidings.is_empty());
}

/// A store that takes nothing for a while.
struct Moody(MemoryStore, std::sync::atomic::AtomicU32);

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)+) => {
        $(fn $name(&self, $($argument: $kind),*) -> Result<$result, StoreUnavailable> { self.0.$name($($argument),*) })+
    };
}

impl Outbox for Moody {
    fn keep(&self, round: &crate::event::OutboxRound) -> Result<crate::event::Owed, StoreUnavailable> {
        use std::sync::atomic::Ordering::SeqCst;
        match self.1.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err(StoreUnavailable("the disk is full".to_owned())),
            Err(_) => self.0.keep(round),
        }
    }
    pass_on! {
        resume() -> (Vec<ChargeKey>, crate::event::Owed);
        tidy(now: UnixMillis, limit: usize) -> crate::event::Owed;
        due(now: UnixMillis, most: usize) -> Vec<KeptNotice>;
        notices(filter: NoticeFilter, below: u64, limit: usize) -> Vec<KeptNotice>;
        owed() -> (u64, u64);
        resend(which: Resend, now: UnixMillis, audit: &Audit) -> u64;
    }
}

#[test]
fn a_store_that_takes_nothing_for_a_while_loses_nothing() {
    let receiver = Receiver::start(&[Act::Say(FAIL)]);
    let store = MemoryStore::new();
    let notices = Notices::new(Arc::new(Metrics::new(vec![], vec![], vec![], vec![])));
    let market = Arc::new(market());
    let setup = Setup {
        node: NodeId(0),
        clock: Clock::following(noon()),
        chance: Chance::seeded(1),
        market: Box::new(move || market.clone()),
        outbox: Arc::new(Moody(store.clone(), 1.into())),
        times: Times { hold: Duration::ZERO, ..quick() },
    };
    let notifier = Notifier::start(&notices, setup).unwrap();
    let won = |number: u32| {
        let mut tidings = Tidings::new(key(number).auction, 1);
        let (url, terms) = (bill_of(number, &receiver), (Slot(0), 1, Quantity::ONE, noon().plus_ms(600_000)));
        assert!(tidings.won(&bid(0), (None, Some(&url)), terms));
        notices.decided(tidings);
    };
    // Written out at once, refused once, and asked for meanwhile.
    won(1);
    notices.posted(key(1), DspId(0), noon());
    won(2);
    until("it is kept in the end", || store.resume().unwrap().0.contains(&key(2)));
    notices.posted(key(2), DspId(0), noon());
    let delivered = || {
        let mut targets = receiver.targets();
        targets.sort();
        targets.dedup();
        targets == ["/bill/1", "/bill/2"]
    };
    until("both have come", delivered);
    until("nothing is kept any more", || store.owed() == Ok((0, 0)) && store.resume().unwrap().0.is_empty());
    notifier.stop(Duration::ZERO);
    assert_eq!(receiver.targets().len(), 3, "one failed once");
}

#[test]
fn a_queue_without_room_is_counted_and_nobody_waits() {
    let metrics = Arc::new(Metrics::new(vec![], vec![], vec![], vec![]));
    let notices = Notices::new(metrics.clone());
    // A door behind which nobody takes anything in.
    let (queue, _intake) = std::sync::mpsc::sync_channel(1);
    let door = super::super::Door { queue, outbox: Arc::new(MemoryStore::new()), stir: Arc::default() };
    notices.door.set(door).unwrap();
    notices.shown(key(1), DspId(1));
    let mut tidings = Tidings::new(key(2).auction, 2);
    assert!(tidings.won(&bid(1), (None, Some("http://a/")), (Slot(0), 1, Quantity::ONE, noon())));
    assert!(tidings.lost(&bid(2), Some("http://a/"), 102));
    notices.decided(tidings);
    notices.shown(key(3), DspId(1));
    notices.posted(key(3), DspId(1), noon());
    notices.monitor("http://a/".to_owned());
    let dropped = |dsp: u32, kind: NoticeKind| {
        let counts = metrics.dsps.get(DspId(dsp)).unwrap();
        counts.notices[usize::from(kind.code()) - 1][NoticeOutcome::Dropped as usize].get()
    };
    assert_eq!(NoticeKind::ALL.map(|kind| dropped(1, kind)), [1, 2, 0]);
    assert_eq!(NoticeKind::ALL.map(|kind| dropped(2, kind)), [0, 0, 1]);
    assert_eq!(metrics.monitors.iter().map(|(_, count)| count).collect::<Vec<_>>(), [0, 0, 1, 0]);
}

#[test]
fn a_click_monitor_is_called_once_more_at_most() {
    // The public address check stands in the way of a receiver on this machine, so only refusals can be seen here.
    let bench = Bench::start();
    let receiver = Receiver::start(&[]);
    bench.notices.monitor(receiver.url("/click"));
    bench.notices.monitor("javascript:1".to_owned());
    let counts = || bench.metrics.monitors.iter().map(|(_, count)| count).collect::<Vec<_>>();
    bench.until("both are refused", || counts() == [0, 1, 0, 1]);
    assert_eq!(receiver.connections(), 0);
}
