//! Billing notices as unreliable media fire them: not always, late, too early, twice at once, and again after a failure.
//! What must come of each is known, so the sum that the exchange has to bill is known, too.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use crate::check::Won;
use crate::media::{Billed, Media};

/// How media fire billing notices. Shares are probabilities, 0 to 1.
#[derive(Debug, Clone)]
pub struct NoticePlan {
    /// Of all bids, those that are displayed.
    pub display_share: f64,
    /// Of displayed bids, those whose win notice is fired before.
    pub win_share: f64,
    /// Of displays with a minimum, those that first report too short a time.
    pub below_minimum_share: f64,
    /// Of notices, those that are fired twice at the same time.
    pub double_share: f64,
    /// Of displays, those that the beacon in the markup tells before the notice does.
    pub beacon_share: f64,
    /// Of displays that were told, those that are clicked.
    pub click_share: f64,
    /// The longest wait between the answer and the display; the shortest is a tenth of it.
    pub delay: Duration,
    /// How often a notice without a final answer is repeated.
    pub retries: u32,
    /// A notice unanswered for so long has failed.
    pub timeout: Duration,
}

impl Default for NoticePlan {
    fn default() -> Self {
        Self {
            display_share: 0.9,
            win_share: 0.5,
            below_minimum_share: 0.1,
            double_share: 0.02,
            beacon_share: 0.5,
            click_share: 0.02,
            delay: Duration::from_millis(200),
            retries: 5,
            timeout: Duration::from_secs(2),
        }
    }
}

/// What the media believe was billed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Impressions whose notice was answered with `{"billable":true}`; each auction and imp once.
    pub impressions_billed: u64,
    /// Their gross prices by the config, added up, in micro-yuan.
    pub expected_billed_micro_yuan: i64,
    /// Notices sent, repetitions included.
    pub notices_sent: u64,
    /// Of the billed impressions, those of a DSP's own bid: as many billing notices it must hear.
    pub dsp_billed: u64,
    /// Bids of DSPs that were billed, or whose win notice was fired: as many win notices they must hear.
    pub dsp_told: u64,
    /// Displays under the minimum that were rightly not billed in the end.
    pub below_minimum: u64,
    /// Notices answered with 410.
    pub notices_gone: u64,
    /// Notices without a final answer after all repetitions: they may be billed or not, so the expected sum is uncertain.
    pub notices_unknown: u64,
}

impl Bill {
    pub(crate) fn add(&mut self, other: &Self) {
        self.impressions_billed += other.impressions_billed;
        self.expected_billed_micro_yuan += other.expected_billed_micro_yuan;
        self.notices_sent += other.notices_sent;
        self.dsp_billed += other.dsp_billed;
        self.dsp_told += other.dsp_told;
        self.below_minimum += other.below_minimum;
        self.notices_gone += other.notices_gone;
        self.notices_unknown += other.notices_unknown;
    }
}

/// Lives through one displayed or undisplayed bid; the text is a fault of the exchange.
pub(crate) async fn live(media: &Media, plan: &NoticePlan, won: &Won, seed: u64) -> (Bill, Option<String>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut bill = Bill::default();
    if won.burl.is_none() || rng.random::<f64>() >= plan.display_share {
        return (bill, None);
    }
    if won.nurl.is_some() && rng.random::<f64>() < plan.win_share {
        match tokio::time::timeout(plan.timeout, media.win(won)).await {
            Ok(true) => bill.dsp_told = u64::from(won.by_dsp),
            // It may have been heard, or not.
            Ok(false) | Err(_) => bill.notices_unknown += 1,
        }
    }
    tokio::time::sleep(plan.delay.mul_f64(rng.random_range(0.1..=1.0))).await;
    let minimum = won.minimum_display_ms;
    if minimum > 0 && rng.random::<f64>() < plan.below_minimum_share {
        let short = Some(Duration::from_millis(rng.random_range(0..minimum)));
        match insist(media, plan, won, short, &mut bill).await {
            Billed::NotYet => {}
            other => return (bill, fault(other, "a display below the minimum")),
        }
        // It is not final: half go on to be displayed long enough.
        if rng.random::<bool>() {
            bill.below_minimum += 1;
            return (bill, None);
        }
    }
    let shown = (minimum > 0).then(|| Duration::from_millis(minimum + rng.random_range(0..5_000)));
    if let Some(beacon) = won.beacon.as_deref().filter(|_| rng.random::<f64>() < plan.beacon_share) {
        bill.notices_sent += 1;
        match tokio::time::timeout(plan.timeout, media.beacon(beacon, shown)).await {
            // Without an answer the notice tells of it.
            Ok(Some(true) | None) | Err(_) => {}
            Ok(Some(false)) => return (bill, Some("beacon: no picture".to_owned())),
        }
    }
    let answer = if rng.random::<f64>() < plan.double_share {
        let mut other = Bill::default();
        let (first, second) =
            tokio::join!(insist(media, plan, won, shown, &mut bill), insist(media, plan, won, shown, &mut other));
        bill.notices_sent += other.notices_sent;
        if first == Billed::Yes { first } else { second }
    } else {
        insist(media, plan, won, shown, &mut bill).await
    };
    match answer {
        Billed::Yes => {
            bill.impressions_billed = 1;
            bill.expected_billed_micro_yuan = won.gross_micro;
            (bill.dsp_billed, bill.dsp_told) = (won.by_dsp.into(), won.by_dsp.into());
            let click = won.click.as_ref().filter(|_| rng.random::<f64>() < plan.click_share);
            let Some((click, page)) = click else { return (bill, None) };
            match tokio::time::timeout(plan.timeout, media.click(click)).await {
                Ok(Some(led)) if led.as_ref() == Some(page) => (bill, None),
                Ok(Some(_)) => (bill, Some("click: it does not lead to the landing page".to_owned())),
                Ok(None) | Err(_) => (bill, None),
            }
        }
        Billed::Gone => {
            bill.notices_gone = 1;
            (bill, None)
        }
        Billed::Retry => {
            bill.notices_unknown += 1;
            (bill, None)
        }
        other => (bill, fault(other, "a whole display")),
    }
}

fn fault(answer: Billed, what: &str) -> Option<String> {
    match answer {
        // No answer at all after every repetition; the caller has counted it, or nothing was owed.
        Billed::Retry | Billed::Gone => None,
        Billed::Yes => Some(format!("notice: {what} was billed")),
        Billed::NotYet => Some(format!("notice: {what} was not billed")),
        Billed::Wrong(status) => Some(format!("notice: status {status} for {what}")),
    }
}

/// Fires until there is a final answer or the repetitions are used up.
async fn insist(media: &Media, plan: &NoticePlan, won: &Won, shown: Option<Duration>, bill: &mut Bill) -> Billed {
    let mut pause = Duration::from_millis(50);
    for _ in 0..=plan.retries {
        bill.notices_sent += 1;
        match tokio::time::timeout(plan.timeout, media.bill(won, shown)).await {
            Ok(Billed::Retry) | Err(_) => {}
            Ok(answer) => return answer,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Billed::Retry
}
