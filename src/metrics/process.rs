//! What the system says of this process, under the names that Prometheus' own clients use. Nothing where it does not tell.

use std::fs;

/// Figures of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// User and system time, seconds.
    pub(super) cpu_seconds: Option<f64>,
    /// Resident memory, bytes.
    pub(super) resident_bytes: Option<u64>,
    /// Threads.
    pub(super) threads: Option<u64>,
    /// Open file descriptors.
    pub(super) open_fds: Option<u64>,
    /// The most that may be open.
    pub(super) max_fds: Option<u64>,
}

impl Figures {
    /// Reads them: three small files of the system.
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The second field is the name in parentheses and may hold anything; behind it, the state is field 3.
        let fields: Vec<&str> = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let limit = fs::read_to_string("/proc/self/limits").ok();
        let limit = limit.and_then(|text| {
            text.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok())
        });
        Self {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| (user + system) as f64 / ticks_per_second()),
            resident_bytes: field(24).map(|pages| pages * page_size()),
            threads: field(20),
            open_fds: open_fds(),
            max_fds: limit,
        }
    }
}

fn open_fds() -> Option<u64> {
    // Linux 6.2 and later tell the number without listing them.
    let told = fs::metadata("/proc/self/fd").ok()?.len();
    if told > 0 { Some(told) } else { Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64) }
}

#[cfg(unix)]
fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

#[cfg(unix)]
fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_of_this_process() {
        let figures = Figures::read();
        let held: Vec<_> = (0..50).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        let more = Figures::read();
        assert!(figures.cpu_seconds.unwrap() >= 0.0 && figures.threads.unwrap() >= 1);
        assert!(figures.resident_bytes.unwrap() > 1 << 20);
        // Tests beside this one open and close files, too.
        assert!(more.open_fds.unwrap() >= held.len() as u64 && figures.max_fds.unwrap() >= more.open_fds.unwrap());
    }
}
