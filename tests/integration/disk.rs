//! What a disk does to the binary: full, refusing, failing; well again. And the drill of a disk that is lost.
//!
//! A test that this machine does not let run (no right to mount, no file attributes) says what it has skipped.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pmpx::event::{Books, Journaled};
use pmpx::store::SqliteReader;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::harness::{parsed, proved, splash};
use crate::process::Process;

/// A file system of its own, as large as the test says. Dropping it takes it away.
struct Mounted(tempfile::TempDir);

impl Mounted {
    /// `None`, and why in the output, where this machine does not let us mount.
    fn tmpfs(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=0700");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        match mount {
            Ok(done) if done.status.success() => Some(Self(folder)),
            other => {
                println!("skipped: no file system can be mounted here: {other:?}");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let done =
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0.path()).status().unwrap();
        assert!(done.success(), "remount,{options}");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn burl(process: &Process) -> String {
    let answer = process.auction(&splash());
    assert_eq!(answer.status, 200, "an auction is answered whatever the disk does");
    parsed(&answer)["seatbid"][0]["bid"][0]["burl"].as_str().unwrap().to_owned()
}

fn rows(store: &Path) -> Vec<Journaled> {
    SqliteReader::open(store).unwrap().charges(0, 1_000_000).unwrap()
}

/// Serves while the disk fails and when it is well again. `fail` makes it fail, `mend` makes it well.
fn serves_through(mut process: Process, fail: impl FnOnce(&Process), mend: impl FnOnce(&Process)) {
    let before: Vec<_> = (0..3).map(|_| burl(&process)).collect();
    before.iter().for_each(|url| assert_eq!(process.get(url).status, 200));
    fail(&process);
    // What was in the log already may still be written over; then each notice is told to come again.
    let mut posted = before.len();
    let mut refused = Vec::new();
    for _ in 0..2_000 {
        let url = burl(&process);
        let answer = process.get(&url);
        match answer.status.as_u16() {
            200 => posted += 1,
            503 => {
                assert_eq!(parsed(&answer)["error"]["code"], "not_durable");
                assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
                refused.push(url);
            }
            other => panic!("{other}: {:?}", answer.body),
        }
        if refused.len() == 5 {
            break;
        }
    }
    assert_eq!(refused.len(), 5, "the disk did not fail; the log:\n{}", process.log());
    refused.iter().for_each(|url| assert_eq!(process.get(url).status, 503, "also when asked again"));
    // A browser does not ask again: it gets its picture, and what could not be made durable is counted.
    let pixel = format!("/t/imp/{}", refused[0].rsplit('/').next().unwrap());
    let picture = process.get(&pixel);
    assert_eq!((picture.status.as_u16(), picture.headers["content-type"].to_str().unwrap()), (200, "image/gif"));
    process.until("the node says that it is not ready", async || process.readyz().await == Some(503));
    assert_eq!(process.control("/readyz").status, 503);
    burl(&process);
    let metrics = String::from_utf8(process.control("/metrics").body.to_vec()).unwrap();
    let count = |series: &str| -> u64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series)).unwrap();
        line.trim().parse().unwrap()
    };
    assert!(count("pmpx_billing_notices_total{answer=\"not_durable\"}") >= 10, "{metrics}");
    assert!(count("pmpx_shed_total{at=\"journal\"}") >= 10);
    mend(&process);
    process.until("the node is ready again", async || process.readyz().await == Some(200));
    for url in &refused {
        assert_eq!(process.get(url).status, 200, "the same notice");
        assert_eq!(process.get(url).status, 200);
    }
    posted += refused.len();
    process.signal();
    assert!(process.ended().success(), "{}", process.log());
    let rows = rows(&process.store());
    let auctions: BTreeSet<_> = rows.iter().map(|row| row.auction).collect();
    assert_eq!((rows.len(), auctions.len()), (posted, posted), "each exactly once");
    proved(&process.store());
}

/// Fills what is left with a file, and gives its path.
fn fill(place: &Path) -> PathBuf {
    let path = place.join("ballast");
    let mut file = std::fs::File::create(&path).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    path
}

#[test]
fn a_full_disk_refuses_notices_and_nothing_else() {
    let Some(disk) = Mounted::tmpfs("16m") else { return };
    let place = disk.0.path().to_owned();
    let process = Process::start_in(&place, &json!({}), &[]);
    // The log is on the same disk: what cannot be told must not end the process either.
    let (full, free) = (place.clone(), place.join("ballast"));
    serves_through(process, move |_| drop(fill(&full)), move |_| std::fs::remove_file(free).unwrap());
}

/// Every write beyond a size fails with EFBIG, which SQLite reports as an I/O error.
#[test]
fn an_io_error_refuses_notices_and_nothing_else() {
    let limit = |process: &Process, bytes| {
        let pid = Pid::from_raw(i32::try_from(process.child.id()).unwrap());
        prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    };
    serves_through(
        Process::start(&json!({}), &[]),
        |process| limit(process, Some(4_096)),
        |process| limit(process, None),
    );
}

/// Files that nobody can change. Dropping it lets them be changed again.
struct Immutable([PathBuf; 2]);

impl Immutable {
    fn set(&self, flag: &str) -> bool {
        Command::new("chattr").arg(flag).args(&self.0).output().is_ok_and(|done| done.status.success())
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        self.set("-i");
    }
}

/// An immutable file refuses writes also through a descriptor that was opened before, as a file system that was made read-only by an
/// error does.
#[test]
fn a_file_that_became_read_only_refuses_notices_and_nothing_else() {
    let process = Process::start(&json!({}), &[]);
    let files = Immutable(["pmpx.db", "pmpx.db-wal"].map(|name| process.store().join(name)));
    if !files.set("+i") || !files.set("-i") {
        println!("skipped: no file can be made immutable here");
        return;
    }
    serves_through(process, |_| assert!(files.set("+i")), |_| assert!(files.set("-i")));
}

#[test]
fn a_read_only_data_folder_is_refused_at_the_start_in_words() {
    let Some(disk) = Mounted::tmpfs("16m") else { return };
    let place = disk.0.path().to_owned();
    let mut process = Process::start_in(&place, &json!({}), &[]);
    assert_eq!(process.get(&burl(&process)).status, 200);
    process.signal();
    assert!(process.ended().success());
    disk.remount("ro");
    let serve = |data: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmpx"));
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--control-listen",
                "127.0.0.1:0",
                "--review-listen",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(data);
        command.arg("--config").arg(crate::harness::example()).output().unwrap()
    };
    let done = serve(&process.store());
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), done.status.signal()), (Some(1), None), "{told}");
    assert!(told.contains("Read-only file system") && told.contains("pmpx.lock"), "{told}");
    disk.remount("rw");
    proved(&process.store());
}

fn pmpx(arguments: &[&str], folders: [(&str, &Path); 2]) -> (bool, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmpx"));
    command.args(arguments).arg("--json");
    for (flag, folder) in folders {
        command.arg(flag).arg(folder);
    }
    let done = command.output().unwrap();
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    (done.status.success(), serde_json::from_slice(&done.stdout).unwrap_or_default(), told)
}

/// The drill: a backup in the middle of the load, the machine gone, a new one from the backup. What was acknowledged before the backup
/// is there, what came later is refused and never billed to anybody, and it serves on.
#[test]
fn a_lost_disk_is_replaced_from_a_backup() {
    let mut process = Process::start(&json!({}), &[]);
    let folder = tempfile::tempdir().unwrap();
    let (kept, new) = (folder.path().join("backup"), folder.path().join("new"));
    let url = |answer: &Value| answer["seatbid"][0]["bid"][0]["burl"].as_str().unwrap().to_owned();
    let id = |answer: &Value| answer["bidid"].as_str().unwrap().to_owned();
    let won = |process: &Process| parsed(&process.auction(&splash()));
    let before: Vec<_> = (0..20).map(|_| won(&process)).collect();
    before[..15].iter().for_each(|answer| assert_eq!(process.get(&url(answer)).status, 200));
    // The load goes on while the backup is made.
    let store = process.store();
    let (backed_up, during) = std::thread::scope(|scope| {
        let backup = scope.spawn(|| pmpx(&["backup"], [("--data", &store), ("--to", &kept)]));
        let mut during = Vec::new();
        while !backup.is_finished() {
            let answer = won(&process);
            assert_eq!(process.get(&url(&answer)).status, 200);
            during.push(answer);
        }
        (backup.join().unwrap(), during)
    });
    let (ok, manifest, told) = backed_up;
    assert!(ok && manifest["head_seq"].as_u64().unwrap() >= 15, "{manifest} {told}");
    assert!(manifest["files"].as_array().unwrap().iter().any(|file| file["name"] == "token.key"), "{manifest}");
    let (again, _, told) = pmpx(&["backup"], [("--data", &store), ("--to", &kept)]);
    assert!(!again && told.contains("something in this folder already"), "{told}");
    let after: Vec<_> = (0..10).map(|_| won(&process)).collect();
    after[..5].iter().for_each(|answer| assert_eq!(process.get(&url(answer)).status, 200));
    process.kill();
    std::fs::remove_dir_all(&store).unwrap();

    std::fs::create_dir(&new).unwrap();
    let (ok, restored, told) = pmpx(&["restore"], [("--from", &kept), ("--data", &new.join("store"))]);
    assert!(ok && restored["head_seq"] == manifest["head_seq"], "{told}");
    assert!(told.contains("cannot be billed here"), "{told}");
    let posted: BTreeSet<_> = rows(&new.join("store")).iter().map(|row| row.auction.to_string()).collect();
    assert!(before[..15].iter().all(|answer| posted.contains(&id(answer))), "acknowledged before the backup");
    assert!(!after.iter().any(|answer| posted.contains(&id(answer))));
    process.start_again_in(&new);
    for answer in &before {
        assert_eq!(process.get(&url(answer)).status, 200, "posted now or before");
    }
    let list: Value = serde_json::from_slice(&std::fs::read(kept.join("backup.json")).unwrap()).unwrap();
    let taken = list["taken_at_ms"].as_u64().unwrap();
    let mut anew = 5;
    for answer in during.iter().chain(&after) {
        let won_before = u64::from_str_radix(&id(answer)[..12], 16).unwrap() <= taken;
        let known = posted.contains(&id(answer));
        let expected = if known || won_before { 200 } else { 410 };
        assert_eq!(process.get(&url(answer)).status.as_u16(), expected, "{}", id(answer));
        anew += u64::from(won_before && !known);
    }
    let fresh = won(&process);
    assert_eq!(process.get(&url(&fresh)).status, 200, "it serves on");
    process.signal();
    assert!(process.ended().success());
    let proof = proved(&process.store());
    assert_eq!(proof.charges, posted.len() as u64 + anew + 1);
}
