//! A server as a child process: started on free ports, measured by the system's own accounting, stopped politely.

use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::{Answer, Client};
use crate::time::pause;

/// How long a server may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long it may take to end after SIGTERM.
const END_WITHIN: Duration = Duration::from_secs(15);

/// User and system time that a process has used; `None` where the system does not tell (it does on Linux).
#[must_use]
pub fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold anything, so count from its end: state is field 3.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_secs_f64(ticks as f64 / ticks_per_second()?))
}

/// Resident memory of a process in bytes; `None` where the system does not tell.
#[must_use]
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * page_size()?)
}

#[cfg(unix)]
fn ticks_per_second() -> Option<f64> {
    Some(rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(unix)]
fn page_size() -> Option<u64> {
    u64::try_from(rustix::param::page_size()).ok()
}

#[cfg(not(unix))]
fn ticks_per_second() -> Option<f64> {
    None
}

#[cfg(not(unix))]
fn page_size() -> Option<u64> {
    None
}

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it takes auctions.
    pub address: SocketAddr,
    /// Where it tells about itself, if it does.
    pub control: Option<SocketAddr>,
}

impl Server {
    /// Starts `binary serve --config CONFIG --data DATA` on two free ports, with `--cores` if that is given, and waits for
    /// `GET /readyz`.
    ///
    /// # Errors
    /// When it cannot be started, ends early, or is not ready in 20 seconds.
    pub fn exchange(
        binary: &Path,
        config: &Path,
        data: &Path,
        address: SocketAddr,
        control: SocketAddr,
        cores: Option<usize>,
    ) -> io::Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config").arg(config).arg("--data").arg(data);
        command.args(cores.map(|cores| format!("--cores={cores}")));
        command.env("PMPX_LISTEN", address.to_string()).env("PMPX_CONTROL_LISTEN", control.to_string());
        command.env("PMPX_REVIEW_LISTEN", "127.0.0.1:0");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child =
            command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", binary.display())))?;
        let mut server = Self { child, address, control: Some(control) };
        server.wait_ready()?;
        Ok(server)
    }

    /// Starts a program that prints the address it listens on as its first line and ends with its standard input.
    ///
    /// # Errors
    /// When it cannot be started or prints no address.
    pub fn announcing(binary: &Path, arguments: &[String]) -> io::Result<Self> {
        let mut child = Command::new(binary).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        match line.trim().parse() {
            Ok(address) => Ok(Self { child, address, control: None }),
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(io::Error::other(format!("{} did not say where it listens", binary.display())))
            }
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_ready(&mut self) -> io::Result<()> {
        let until = Instant::now() + READY_WITHIN;
        let authority = self.address.to_string();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("the server ended at once: {status}")));
            }
            if get(&authority, "/readyz").is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the server is not ready after 20 seconds"));
            }
            pause(Duration::from_millis(50));
        }
    }

    /// Asks it to end and waits; kills it after 15 seconds.
    ///
    /// # Errors
    /// When it had to be killed or ended with a failure.
    pub fn stop(mut self) -> io::Result<()> {
        self.child.stdin.take();
        self.terminate();
        let until = Instant::now() + END_WITHIN;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                // A program that leaves SIGTERM to the system has no code; only a failure of its own is one.
                return match status.code() {
                    Some(code) if code != 0 => Err(io::Error::other(format!("the server ended with {status}"))),
                    _ => Ok(()),
                };
            }
            pause(Duration::from_millis(10));
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the server did not end on SIGTERM and was killed"))
    }

    #[cfg(unix)]
    fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    #[cfg(not(unix))]
    fn terminate(&mut self) {
        let _ = self.child.kill();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Keeps this thread, and the threads and processes that it starts from now on, on some of the machine's processors.
/// Tells whether the system did so.
pub fn stay_on(processors: std::ops::Range<usize>) -> bool {
    #[cfg(target_os = "linux")]
    {
        let mut set = rustix::thread::CpuSet::new();
        processors.for_each(|processor| set.set(processor));
        rustix::thread::sched_setaffinity(None, &set).is_ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = processors;
        false
    }
}

/// A free port of 127.0.0.1, freed again: another program may take it before it is used.
///
/// # Errors
/// When there is none.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// One GET from a thread without a runtime, within two seconds.
///
/// # Errors
/// When there is no whole answer in time.
pub fn get(authority: &str, target: &str) -> io::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::new(authority, 1)?;
        let answer = tokio::time::timeout(Duration::from_secs(2), client.get(target)).await;
        answer.map_err(io::Error::other)?.map_err(|failure| io::Error::other(failure.to_string()))
    })
}

/// A copy of a config folder whose `public_url` and DSP endpoints lead elsewhere.
///
/// # Errors
/// When a file cannot be read or written.
pub fn relocated_config(
    folder: &Path,
    target: &Path,
    public: SocketAddr,
    moved: &[(SocketAddr, SocketAddr)],
) -> io::Result<PathBuf> {
    std::fs::create_dir_all(target)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else { continue };
        let mut text = std::fs::read_to_string(&path)?;
        if name == "exchange.toml" {
            let line = |line: &str| match line.trim_start().starts_with("public_url") {
                true => format!("public_url = \"http://{public}\"\n"),
                false => format!("{line}\n"),
            };
            text = text.lines().map(line).collect();
        }
        if name == "dsps.toml" {
            for (from, to) in moved {
                text = text.replace(&from.to_string(), &to.to_string());
            }
        }
        std::fs::write(target.join(name), text)?;
    }
    Ok(target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_accounts_for_this_process() {
        let before = processor_time(std::process::id()).unwrap();
        let started = Instant::now();
        let mut sum = 0_u64;
        while started.elapsed() < Duration::from_millis(120) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let used = processor_time(std::process::id()).unwrap() - before;
        assert!(used >= Duration::from_millis(20), "{used:?} of processor time for 120 ms of spinning");
        assert!(resident_bytes(std::process::id()).unwrap() > 1 << 20);
        assert_eq!(processor_time(u32::MAX), None);
    }

    #[test]
    fn a_config_is_moved_without_touching_the_original() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
        let temporary = tempfile::tempdir().unwrap();
        let moved = [("127.0.0.1:9101".parse().unwrap(), "127.0.0.1:55001".parse().unwrap())];
        let copy =
            relocated_config(&folder, &temporary.path().join("c"), "127.0.0.1:55000".parse().unwrap(), &moved).unwrap();
        let read = |name: &str| std::fs::read_to_string(copy.join(name)).unwrap();
        assert!(read("exchange.toml").contains("public_url = \"http://127.0.0.1:55000\""));
        assert!(read("dsps.toml").contains("http://127.0.0.1:55001/bid") && read("dsps.toml").contains("9102"));
        assert!(std::fs::read_to_string(folder.join("dsps.toml")).unwrap().contains("9101"));
    }
}
