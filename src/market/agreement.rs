//! What is agreed with a buyer beside its deals, and who may count ads: terms of contracts that config says.

use std::sync::Arc;

use super::supply::within_domain;
use crate::clock::ShanghaiDay;

/// The days of a cooperation, both included (R-TERM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooperation {
    /// The first.
    pub from: ShanghaiDay,
    /// The last, unless it is ended before (R-END).
    pub until: ShanghaiDay,
}

impl Cooperation {
    /// Whether a day is within it.
    #[must_use]
    pub fn includes(&self, day: ShanghaiDay) -> bool {
        self.from <= day && day <= self.until
    }
}

/// One of the legal entities that a buyer is; all are liable together, each for the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Its unified social credit code, where it was given: 18 characters.
    pub credit_code: Option<String>,
}

/// The weights of the first 17 characters of a unified social credit code: 3 to the place, modulo 31 (GB 32100-2015).
const CREDIT_CODE_WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
/// Digits and capital letters without I, O, S, V, Z; a character's value is its place (GB 32100-2015).
const CREDIT_CODE_CHARACTERS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Whether a text is a unified social credit code: 18 characters, the last of which checks the others (GB 32100-2015).
#[must_use]
pub fn is_credit_code(text: &str) -> bool {
    let value = |char| CREDIT_CODE_CHARACTERS.chars().position(|known| known == char);
    let Some(values) = text.chars().map(value).collect::<Option<Vec<_>>>() else { return false };
    let [first @ .., check] = values.as_slice() else { return false };
    let weighed = first.iter().zip(CREDIT_CODE_WEIGHTS).map(|(value, weight)| *value * weight as usize);
    values.len() == CREDIT_CODE_WEIGHTS.len() + 1 && (weighed.sum::<usize>() + *check).is_multiple_of(31)
}

/// Who may count ads besides the exchange, within its days (R-MONITOR-LIST).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMonitor {
    /// Its name.
    pub name: String,
    /// Its hosts, each with its subdomains, in lower case.
    pub hosts: Vec<String>,
    /// Its first day on the list.
    pub from: ShanghaiDay,
    /// Its last; `None`: until further notice.
    pub until: Option<ShanghaiDay>,
}

impl ListedMonitor {
    /// Whether it is on the list on a day.
    #[must_use]
    pub fn is_listed_on(&self, day: ShanghaiDay) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}

/// The exchange's list of monitors (R-MONITOR-LIST). One may stand on it several times, for different days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonitorList(Arc<[ListedMonitor]>);

/// How a host or a name stands on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnList {
    /// It is on the list.
    Yes,
    /// On other days only: these.
    OtherDays(ShanghaiDay, Option<ShanghaiDay>),
    /// It is not on the list.
    No,
}

impl From<Vec<ListedMonitor>> for MonitorList {
    fn from(monitors: Vec<ListedMonitor>) -> Self {
        Self(monitors.into())
    }
}

impl MonitorList {
    /// All of them, in the order of the config.
    pub fn iter(&self) -> std::slice::Iter<'_, ListedMonitor> {
        self.0.iter()
    }

    /// How a host, or the domain that it is of, stands on a day.
    #[must_use]
    pub fn lists_host(&self, host: &str, day: ShanghaiDay) -> OnList {
        self.lists(day, |monitor| monitor.hosts.iter().any(|own| within_domain(host, own)))
    }

    /// How a monitor of that name stands on a day.
    #[must_use]
    pub fn lists_name(&self, name: &str, day: ShanghaiDay) -> OnList {
        self.lists(day, |monitor| monitor.name == name)
    }

    fn lists(&self, day: ShanghaiDay, is: impl Fn(&ListedMonitor) -> bool) -> OnList {
        let mut found = OnList::No;
        for monitor in self.0.iter().filter(|monitor| is(monitor)) {
            if monitor.is_listed_on(day) {
                return OnList::Yes;
            }
            found = OnList::OtherDays(monitor.from, monitor.until);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credit_code_checks_itself() {
        assert!(is_credit_code("91350100M000100Y43"), "the example of GB 32100-2015");
        for text in ["91350100M000100Y44", "91350100M000100Y4", "91350100M000100Y430", "9135O100M000100Y43", ""] {
            assert!(!is_credit_code(text), "{text:?}");
        }
    }

    #[test]
    fn r_monitor_list_is_by_day() {
        let day = ShanghaiDay;
        let monitor = |name: &str, from, until: Option<u32>| ListedMonitor {
            name: name.to_owned(),
            hosts: vec![format!("{name}.example")],
            from: day(from),
            until: until.map(day),
        };
        let list = MonitorList::from(vec![monitor("a", 10, Some(20)), monitor("a", 30, None)]);
        assert_eq!(list.lists_name("a", day(20)), OnList::Yes);
        assert_eq!(list.lists_name("a", day(21)), OnList::OtherDays(day(30), None));
        assert_eq!(list.lists_host("x.a.example", day(31)), OnList::Yes);
        assert_eq!(list.lists_host("b.example", day(31)), OnList::No);
    }
}
