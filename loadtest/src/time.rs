//! The clock of a load test: departures exact to microseconds.
//!
//! A runtime's own timer knows whole milliseconds; latency counts from the intended departure, so half a millisecond of
//! lateness would drown what is measured. A thread of its own can sleep exactly; see [`crate::openloop`].

use std::time::Duration;

use tokio::time::Instant;

/// Lets this thread's sleeps end on time: Linux may otherwise add 50 µs to each, to save power.
pub fn sharpen_sleep() {
    #[cfg(target_os = "linux")]
    {
        // Where the kernel refuses, departures are 50 µs late and latencies that much longer, never shorter.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    }
}

/// Blocks this thread until `due`, or not at all if that is past.
pub fn sleep_until(due: Instant) {
    let wait = due.saturating_duration_since(Instant::now());
    if !wait.is_zero() {
        pause(wait);
    }
}

/// Blocks this thread.
#[allow(clippy::disallowed_methods, reason = "a load generator's schedule and a harness wait; they serve nobody")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Seconds since 1970, for a report's heading.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "a report says when it was made; nothing is measured with it")]
pub fn unix_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_departure_is_never_early_and_a_past_one_does_not_wait() {
        sharpen_sleep();
        for round in 1..=5_u64 {
            let due = Instant::now() + Duration::from_micros(300 * round);
            sleep_until(due);
            assert!(Instant::now() >= due, "round {round} came early");
            sleep_until(due);
        }
    }
}
