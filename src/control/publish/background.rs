//! Work that must not be felt by requests: on a thread of its own that every other one comes before.

use std::io;

/// The weakest of Linux's priorities: against a thread of the hot plane on the same core it gets one part in seventy.
#[cfg(target_os = "linux")]
const WEAKEST: i32 = 19;

/// Runs work on a background thread and waits for it.
///
/// # Errors
/// When the machine gives no thread; the work was not begun.
pub(super) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let run = move || {
            yield_to_others();
            work()
        };
        let thread = std::thread::Builder::new().name("pmpx-compile".into()).spawn_scoped(scope, run)?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Linux keeps priorities by thread, and `None` is the calling one. Elsewhere it would be the whole process.
pub(super) fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, WEAKEST) {
        tracing::warn!(%error, "the compiler runs at the priority of requests");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn only_the_background_thread_yields() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        assert_eq!(run(priority).unwrap(), WEAKEST);
        assert_eq!(priority(), before);
    }
}
