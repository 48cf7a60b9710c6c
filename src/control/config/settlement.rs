//! `settlement.toml`: the figures of the agreements, dated by when they apply (business rules §4 and §5).

use toml::de::DeValue;

use super::diagnostic::{At, File, Report};
use super::reader::{Table, Wrong, expected, read_file};
use super::units::{amount, decimal, flag, percent, small};
use crate::clock::ShanghaiDay;
use crate::market::figures::{BasisPoints, DatedFigures, Figures, PartOrLeast};
use crate::money::MicroYuan;

const KEYS: &[&str] = &[
    "from",
    "monthly_minimum",
    "vat",
    "monitor_tolerance",
    "objection_days",
    "order_notice_days",
    "extension_months",
    "content_damages",
    "page_change_damages",
    "infringement_damages",
    "cancellation_damages",
    "resale_damages",
    "bribery_damages",
    "poaching_damages",
    "damages_due_workdays",
    "cancellation_due_workdays",
    "late_fee_a_day",
    "late_fee_confirmed",
    "late_days_until_end",
    "liability",
    "email_served_hours",
    "contact_change_workdays",
    "termination_notice_months",
    "non_provision_days",
    "force_majeure_days",
];
/// From where on a late fee is taken for one that was meant per mille, as a part a day.
const SUSPICIOUS_LATE_FEE: BasisPoints = BasisPoints(100);
/// Longer than any notice or delay that is agreed, days.
const MOST_DAYS: u32 = 3_650;
/// Longer than any that is agreed, months.
const MOST_MONTHS: u32 = 120;
/// The most steps of a ladder.
const MOST_STEPS: usize = 100;

/// The figures, or `None` when they are refused.
pub(super) fn read(text: &str, report: &Report) -> Option<DatedFigures> {
    read_file(File::Settlement, text, &["schema", "figures"], report, versions)?
}

fn versions(table: Table<'_>) -> Option<DatedFigures> {
    let report = table.report();
    let mut versions: Vec<(At<ShanghaiDay>, Figures)> = Vec::new();
    let mut refused = false;
    let mut before: Option<At<ShanghaiDay>> = None;
    if !table.has("figures") {
        table.missing("figures");
        return None;
    }
    let whole = table.each("figures", KEYS, |table| {
        let from = table.required_at("from", super::units::day);
        if let (Some(from), Some(before)) = (&from, &before)
            && from.value <= before.value
        {
            let (day, line) = (before.value, before.place.line);
            let why = format!("`from` {} is not after {day} of the figures before it, on line {line}", from.value);
            report.error(from.place, why);
            refused = true;
        }
        // A later table stands on the one before it. Where that was refused, what the later one leaves out is not missing of it.
        let figures = match (versions.last(), refused) {
            (None, true) => None,
            (last, _) => figures(table, last.map(|(_, figures)| figures)),
        };
        before = from.or(before);
        match (from, figures) {
            (Some(from), Some(figures)) => versions.push((from, figures)),
            _ => refused = true,
        }
    });
    if versions.is_empty() && whole && !refused {
        report.error(table.place_of("figures"), "`figures` is empty: the first of them says every figure");
    }
    let mut versions = versions.into_iter().map(|(from, figures)| (from.value, figures));
    let (_, first) = versions.next()?;
    (whole && !refused).then(|| DatedFigures::new(first, versions.collect()))
}

/// One table: every figure, or what changes of those before it.
struct Version<'t> {
    table: Table<'t>,
    before: Option<&'t Figures>,
}

impl<'t> Version<'t> {
    fn figure<T: Clone + 't>(
        &self,
        key: &str,
        of: impl FnOnce(&'t Figures) -> &'t T,
        read: impl FnOnce(&'t DeValue<'t>) -> Result<T, Wrong>,
    ) -> Option<T> {
        match self.before {
            None => self.table.required(key, read),
            Some(before) => self.table.optional(key, read).map(|new| new.unwrap_or_else(|| of(before).clone())),
        }
    }

    fn days(&self, key: &str, of: impl FnOnce(&'t Figures) -> &'t u32) -> Option<u32> {
        self.figure(key, of, small(0_u32, MOST_DAYS))
    }

    fn money(&self, key: &str, of: impl FnOnce(&'t Figures) -> &'t MicroYuan) -> Option<MicroYuan> {
        self.figure(key, of, amount)
    }

    fn part(&self, key: &str, of: impl FnOnce(&'t Figures) -> &'t BasisPoints) -> Option<BasisPoints> {
        self.figure(key, of, part)
    }

    /// `{ part = "20%", least = "30000.00" }`.
    fn part_or_least(&self, key: &'static str, of: impl FnOnce(&'t Figures) -> &'t PartOrLeast) -> Option<PartOrLeast> {
        match (self.table.optional_section(key, &["part", "least"])?, self.before) {
            (Some(section), _) => {
                let (part, least) = (section.required("part", part), section.required("least", amount));
                Some(PartOrLeast { part: part?, least: least? })
            }
            (None, Some(before)) => Some(*of(before)),
            (None, None) => {
                self.table.missing(key);
                None
            }
        }
    }

    /// `["20000.00", "100000.00"]`: the first, the second, …
    fn ladder(&self) -> Option<Vec<MicroYuan>> {
        let key = "page_change_damages";
        if let (Some(before), false) = (self.before, self.table.has(key)) {
            return Some(before.page_change_damages.clone());
        }
        let steps = self.table.filled_list(key, amount)?;
        if steps.len() > MOST_STEPS {
            let why = format!("`{key}` has {} steps, {MOST_STEPS} are allowed", steps.len());
            self.table.report().error(self.table.place_of(key), why);
            return None;
        }
        Some(super::values(steps))
    }

    /// `{ running = 20, total = 30 }`.
    fn force_majeure(&self) -> Option<(u32, u32)> {
        let key = "force_majeure_days";
        match (self.table.optional_section(key, &["running", "total"])?, self.before) {
            (Some(section), _) => {
                let read = |key| section.required(key, small(1_u32, MOST_DAYS));
                let (running, total) = (read("running"), read("total"));
                Some((running?, total?))
            }
            (None, Some(before)) => Some(before.force_majeure_days),
            (None, None) => {
                self.table.missing(key);
                None
            }
        }
    }
}

fn figures<'t>(table: Table<'t>, before: Option<&'t Figures>) -> Option<Figures> {
    let version = Version { table, before };
    let monthly_minimum = version.money("monthly_minimum", |it| &it.monthly_minimum);
    let vat = version.part("vat", |it| &it.vat);
    let monitor_tolerance = version.part("monitor_tolerance", |it| &it.monitor_tolerance);
    let objection_days = version.days("objection_days", |it| &it.objection_days);
    let order_notice_days = version.days("order_notice_days", |it| &it.order_notice_days);
    let extension = version.figure("extension_months", |it| &it.extension_months, small(0_u32, MOST_MONTHS));
    let content_damages = version.money("content_damages", |it| &it.content_damages);
    let page_change_damages = version.ladder();
    let infringement_damages = version.part_or_least("infringement_damages", |it| &it.infringement_damages);
    let cancellation_damages = version.part_or_least("cancellation_damages", |it| &it.cancellation_damages);
    let resale_damages = version.part("resale_damages", |it| &it.resale_damages);
    let bribery_damages = version.part_or_least("bribery_damages", |it| &it.bribery_damages);
    let poaching_damages = version.money("poaching_damages", |it| &it.poaching_damages);
    let damages_due_workdays = version.days("damages_due_workdays", |it| &it.damages_due_workdays);
    let cancellation_due_workdays = version.days("cancellation_due_workdays", |it| &it.cancellation_due_workdays);
    let late_fee_a_day = late_fee(&version);
    let late_days_until_end = version.days("late_days_until_end", |it| &it.late_days_until_end);
    let liability = version.part("liability", |it| &it.liability);
    let email = version.figure("email_served_hours", |it| &it.email_served_hours, small(0_u32, 24 * MOST_DAYS));
    let contact_change_workdays = version.days("contact_change_workdays", |it| &it.contact_change_workdays);
    let notice = "termination_notice_months";
    let notice = version.figure(notice, |it| &it.termination_notice_months, small(0_u32, MOST_MONTHS));
    let non_provision_days = version.days("non_provision_days", |it| &it.non_provision_days);
    let force_majeure_days = version.force_majeure();
    Some(Figures {
        monthly_minimum: monthly_minimum?,
        vat: vat?,
        monitor_tolerance: monitor_tolerance?,
        objection_days: objection_days?,
        order_notice_days: order_notice_days?,
        extension_months: extension?,
        content_damages: content_damages?,
        page_change_damages: page_change_damages?,
        infringement_damages: infringement_damages?,
        cancellation_damages: cancellation_damages?,
        resale_damages: resale_damages?,
        bribery_damages: bribery_damages?,
        poaching_damages: poaching_damages?,
        damages_due_workdays: damages_due_workdays?,
        cancellation_due_workdays: cancellation_due_workdays?,
        late_fee_a_day: late_fee_a_day?,
        late_days_until_end: late_days_until_end?,
        liability: liability?,
        email_served_hours: email?,
        contact_change_workdays: contact_change_workdays?,
        termination_notice_months: notice?,
        non_provision_days: non_provision_days?,
        force_majeure_days: force_majeure_days?,
    })
}

/// R-LATE: 3 % a day is more than the amount itself in 34 days, and 3 ‰ is what is usual. Whoever has read the contract confirms it.
fn late_fee(version: &Version<'_>) -> Option<BasisPoints> {
    let fee = version.part("late_fee_a_day", |it| &it.late_fee_a_day);
    let confirmed = version.table.optional("late_fee_confirmed", flag)?.unwrap_or(false);
    let fee = fee?;
    if version.table.has("late_fee_a_day") && fee >= SUSPICIOUS_LATE_FEE && !confirmed {
        version.table.report().warning(
            version.table.place_of("late_fee_a_day"),
            format!(
                "`late_fee_a_day` {0} % may be meant as {0} ‰: read the contract, then say `late_fee_confirmed = true` (R-LATE)",
                shown(fee)
            ),
        );
    }
    Some(fee)
}

/// A part in per cent, without the sign: `3` or `0.5`.
fn shown(part: BasisPoints) -> String {
    let text = format!("{}.{:02}", part.0 / 100, part.0 % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A part of a whole: `"6%"`. The same form as a margin's.
fn part(value: &DeValue<'_>) -> Result<BasisPoints, Wrong> {
    match value {
        DeValue::String(_) => percent(value).map(|margin| BasisPoints(margin.basis_points().into())),
        other => Err(decimal(other, "6%").err().unwrap_or_else(|| expected("a percentage such as \"6%\"", other))),
    }
}
