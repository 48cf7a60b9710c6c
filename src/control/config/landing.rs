//! `landing.toml`: how landing pages are fetched, how often, and what they are held to (R-LANDING-FROZEN, R-LANDING-SAFE). Optional: what it leaves
//! out is as [`LandingTerms::default`] says.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use super::diagnostic::{File, Report};
use super::names::{address_range, domain};
use super::reader::{Table, Wrong, read_file};
use super::sources::Sources;
use super::transport::authorities;
use super::units::{bytes, duration_ms, flag, percent, size, small, text, whole};
use super::values;
use crate::compliance::scan::Reader;
use crate::market::policy::landing::{
    Blocklists, BrowserTerms, Clamd, ClamdAt, FileTerms, Guard, LandingTerms, Limits, Rates, Reach, Watch,
};
use crate::market::supply::Size;

const KEYS: &[&str] =
    &["schema", "crawl", "fetch", "rates", "reach", "host", "watch", "guard", "files", "malware", "clamd", "browser"];
const FETCH_KEYS: &[&str] =
    &["redirects", "largest_head", "largest_body", "resolve", "connect", "head", "pause", "whole"];
const RATE_KEYS: &[&str] = &["connections", "bytes_a_minute", "gap"];
const REACH_KEYS: &[&str] = &["ports", "plain_ports", "plain", "internal", "ca_file"];
const HOST_KEYS: &[&str] = &["name", "address"];
const WATCH_KEYS: &[&str] = &["longest", "shortest", "impressions_a_day", "confirm", "misses"];
const GUARD_KEYS: &[&str] = &["sites", "share", "window", "hold", "witnesses"];
const FILE_KEYS: &[&str] = &["most", "whole", "tries", "pause", "again", "kept_a_day"];
const CLAMD_KEYS: &[&str] = &["socket", "tcp", "within", "largest"];
const BROWSER_KEYS: &[&str] = &["program", "size", "within", "sandbox"];
/// A picture's sides, pixels: wide enough for a telephone, and within what the checks of files decode.
const LEAST_SIDE: u16 = 200;
const MOST_SIDE: u16 = 4_000;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
const MIB: usize = 1 << 20;

/// The terms, or `None` when they are refused.
pub(super) fn read(sources: &Sources, report: &Report) -> Option<LandingTerms> {
    let Some(text) = sources.optional_text(File::Landing) else { return Some(LandingTerms::default()) };
    read_file(File::Landing, text, KEYS, report, |table| landing(table, sources))?
}

fn landing(table: Table<'_>, sources: &Sources) -> Option<LandingTerms> {
    let crawl = table.optional("crawl", flag);
    let limits = section(table, "fetch", FETCH_KEYS, limits);
    let rates = section(table, "rates", RATE_KEYS, rates);
    let hosts = table
        .tables("host", HOST_KEYS, |host| Some((host.required("name", domain)?, host.required("address", address)?)));
    let reach = section(table, "reach", REACH_KEYS, |section| reach(section, sources));
    let watch = section(table, "watch", WATCH_KEYS, watch);
    let guard = section(table, "guard", GUARD_KEYS, guard);
    let files = section(table, "files", FILE_KEYS, files);
    let blocklists = section(table, "malware", &["blocklists"], |section| blocklists(section, sources));
    let clamd = match table.optional_section("clamd", CLAMD_KEYS) {
        Some(Some(section)) => clamd(section).map(Some),
        absent => absent.map(|_| None),
    };
    let browser = match table.optional_section("browser", BROWSER_KEYS) {
        Some(Some(section)) => browser(section).map(Some),
        absent => absent.map(|_| None),
    };
    let (limits, rates, hosts, reach, watch) = (limits?, rates?, hosts?, reach?, watch?);
    Some(LandingTerms {
        crawl: crawl?.unwrap_or(false),
        limits,
        rates,
        reach: Reach { hosts: values(hosts).into_iter().collect(), ..reach },
        watch,
        guard: guard?,
        files: files?,
        blocklists: blocklists?,
        clamd: clamd?,
        browser: browser?,
    })
}

/// A section, or what applies without it.
fn section<T: Default>(
    table: Table<'_>,
    key: &'static str,
    keys: &'static [&'static str],
    read: impl FnOnce(Table<'_>) -> Option<T>,
) -> Option<T> {
    match table.optional_section(key, keys)? {
        Some(section) => read(section),
        None => Some(T::default()),
    }
}

/// A duration, or what applies without it.
fn time(table: Table<'_>, key: &str, bounds: (u64, u64), usual: Duration) -> Option<Duration> {
    let read = table.optional(key, duration_ms(bounds.0, bounds.1))?;
    Some(read.map_or(usual, Duration::from_millis))
}

fn limits(table: Table<'_>) -> Option<Limits> {
    let usual = Limits::default();
    let phase = |key, usual| time(table, key, (100, MINUTE_MS), usual);
    let most_hops = table.optional("redirects", whole(0, 20));
    let largest_head = table.optional("largest_head", bytes(8 << 10, MIB));
    let largest_body = table.optional("largest_body", bytes(64 << 10, 32 * MIB));
    let (resolve, connect) = (phase("resolve", usual.resolve), phase("connect", usual.connect));
    let (head, pause) = (phase("head", usual.head), phase("pause", usual.pause));
    let all = time(table, "whole", (1_000, 10 * MINUTE_MS), usual.whole);
    Some(Limits {
        most_hops: most_hops?.map_or(Some(usual.most_hops), |hops| usize::try_from(hops).ok())?,
        largest_head: largest_head?.unwrap_or(usual.largest_head),
        largest_body: largest_body?.unwrap_or(usual.largest_body),
        resolve: resolve?,
        connect: connect?,
        head: head?,
        pause: pause?,
        whole: all?,
    })
}

fn rates(table: Table<'_>) -> Option<Rates> {
    let usual = Rates::default();
    let connections = table.optional("connections", small(1_u32, 256));
    let bytes_a_minute = table.optional("bytes_a_minute", bytes(MIB, 64 << 30));
    let gap = time(table, "gap", (0, MINUTE_MS), usual.gap);
    Some(Rates {
        connections: connections?.map_or(usual.connections, |it| it as usize),
        bytes_a_minute: bytes_a_minute?.map_or(usual.bytes_a_minute, |it| it as u64),
        gap: gap?,
    })
}

fn reach(table: Table<'_>, sources: &Sources) -> Option<Reach> {
    let usual = Reach::default();
    let port = small(1_u16, u16::MAX);
    let ports = |key, usual: Vec<u16>| {
        let given = table.has(key).then(|| table.filled_list(key, &port).map(values));
        given.unwrap_or(Some(usual))
    };
    let (ports, plain_ports) = (ports("ports", usual.ports), ports("plain_ports", usual.plain_ports));
    let plain = table.list("plain", advertiser).map(values);
    let internal = table.list("internal", address_range).map(values);
    let authorities = table.optional("ca_file", |value| authorities(value, sources));
    let internal = internal?;
    if !internal.is_empty() {
        table.report().warning(
            table.place_of("internal"),
            "landing pages may lead to internal addresses: for rehearsals and tests only (R-MALICE)".to_owned(),
        );
    }
    Some(Reach {
        ports: ports?,
        plain_ports: plain_ports?,
        plain: plain?,
        internal,
        hosts: usual.hosts,
        authorities: authorities?.map(Arc::from),
    })
}

fn advertiser(value: &DeValue<'_>) -> Result<String, Wrong> {
    let given = text(value)?;
    let form = given.split_once('/').is_some_and(|(account, id)| !account.is_empty() && !id.is_empty());
    if form { Ok(given.to_owned()) } else { Err("must be an advertiser as \"ACCOUNT/ADVERTISER\"".to_owned()) }
}

fn address(value: &DeValue<'_>) -> Result<IpAddr, Wrong> {
    text(value)?.parse().map_err(|_| "must be an address such as \"192.0.2.7\" or \"2001:db8::7\"".to_owned())
}

fn watch(table: Table<'_>) -> Option<Watch> {
    let usual = Watch::default();
    let interval = |key, usual| time(table, key, (1_000, 7 * DAY_MS), usual);
    let (longest, shortest) = (interval("longest", usual.longest), interval("shortest", usual.shortest));
    let impressions = table.optional("impressions_a_day", whole(1, 1_000_000_000));
    let confirm = time(table, "confirm", (100, DAY_MS), usual.confirm);
    let misses = table.optional("misses", small(1_u32, 100));
    let watch = Watch {
        longest: longest?,
        shortest: shortest?,
        impressions_a_day: impressions?.unwrap_or(usual.impressions_a_day),
        confirm: confirm?,
        misses: misses?.unwrap_or(usual.misses),
    };
    if watch.confirm > watch.shortest || watch.shortest > watch.longest {
        let message =
            "`confirm` must not be above `shortest`, nor that above `longest` (R-LANDING-FROZEN: within one interval)";
        table.report().error(table.place, message);
        return None;
    }
    Some(watch)
}

fn guard(table: Table<'_>) -> Option<Guard> {
    let usual = Guard::default();
    let sites = table.optional("sites", small(2_u32, 1_000));
    let share = table.optional("share", percent);
    let window = time(table, "window", (MINUTE_MS, DAY_MS), usual.window);
    let hold = time(table, "hold", (1_000, 7 * DAY_MS), usual.hold);
    let witnesses = table.optional("witnesses", small(0_u32, 64));
    let guard = Guard {
        sites: sites?.unwrap_or(usual.sites),
        share_bp: share?.map_or(usual.share_bp, crate::money::Margin::basis_points),
        window: window?,
        hold: hold?,
        witnesses: witnesses?.unwrap_or(usual.witnesses),
    };
    if guard.witnesses > 0 && guard.witnesses + 1 < guard.sites {
        let message = "`witnesses` must be 0 or at least one less than `sites`: else nobody could tell so many";
        table.report().error(table.place, message);
        return None;
    }
    Some(guard)
}

fn files(table: Table<'_>) -> Option<FileTerms> {
    let usual = FileTerms::default();
    let most = table.optional("most", small(1_u32, 100));
    let whole = time(table, "whole", (1_000, 10 * MINUTE_MS), usual.whole);
    let tries = table.optional("tries", small(1_u32, 20));
    let pause = time(table, "pause", (100, 60 * MINUTE_MS), usual.pause);
    let again = time(table, "again", (1_000, 7 * DAY_MS), usual.again);
    let kept_a_day = table.optional("kept_a_day", bytes(MIB, 64 << 30));
    Some(FileTerms {
        most: most?.map_or(usual.most, |it| it as usize),
        whole: whole?,
        tries: tries?.unwrap_or(usual.tries),
        pause: pause?,
        again: again?,
        kept_a_day: kept_a_day?.map_or(usual.kept_a_day, |it| it as u64),
    })
}

fn blocklists(table: Table<'_>, sources: &Sources) -> Option<Arc<Blocklists>> {
    let reader = std::cell::RefCell::new(Reader::default());
    let read = |value: &DeValue<'_>| {
        let name = text(value)?;
        let list = sources.list(name).ok_or("must be the name of a *.list file in the config folder")?;
        reader.borrow_mut().read(list).map_err(|wrong| format!("has {name}:{}: {}", wrong.line, wrong.message))
    };
    table.list("blocklists", read)?;
    Some(Arc::new(reader.into_inner().done()))
}

fn clamd(table: Table<'_>) -> Option<Clamd> {
    let socket = table.optional("socket", path);
    let tcp = table.optional("tcp", |value| {
        text(value)?
            .parse::<SocketAddr>()
            .map_err(|_| "must be an address with its port: \"127.0.0.1:3310\"".to_owned())
    });
    let within = time(table, "within", (100, 10 * MINUTE_MS), Duration::from_secs(30));
    let largest = table.optional("largest", bytes(64 << 10, 32 * MIB));
    let at = match (socket?, tcp?) {
        (Some(path), None) => ClamdAt::Socket(path),
        (None, Some(address)) => ClamdAt::Tcp(address),
        _ => {
            table.report().error(table.place, "say where clamd listens: either `socket` or `tcp`");
            return None;
        }
    };
    Some(Clamd { at, within: within?, largest: largest?.unwrap_or(8 * MIB) })
}

fn browser(table: Table<'_>) -> Option<BrowserTerms> {
    let program = table.required("program", path);
    let size = table.optional("size", picture);
    let within = time(table, "within", (1_000, 5 * MINUTE_MS), Duration::from_secs(45));
    let sandbox = table.optional("sandbox", flag);
    if sandbox == Some(Some(false)) {
        table.report().warning(
            table.place_of("sandbox"),
            "pages run in a browser without its own sandbox: let another one hold it, such as a container".to_owned(),
        );
    }
    Some(BrowserTerms {
        program: program?,
        size: size?.unwrap_or(Size { w: 390, h: 1_600 }),
        within: within?,
        sandbox: sandbox?.unwrap_or(true),
    })
}

fn picture(value: &DeValue<'_>) -> Result<Size, Wrong> {
    let sides = LEAST_SIDE..=MOST_SIDE;
    let given = size(value)?;
    let fits = sides.contains(&given.w) && sides.contains(&given.h);
    if fits { Ok(given) } else { Err(format!("must have {LEAST_SIDE} to {MOST_SIDE} pixels a side")) }
}

/// A path that means the same wherever the program was started.
fn path(value: &DeValue<'_>) -> Result<PathBuf, Wrong> {
    let path = PathBuf::from(text(value)?);
    if path.is_absolute() { Ok(path) } else { Err("must be a whole path, from `/` on".to_owned()) }
}
