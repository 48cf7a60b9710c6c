//! `dsps.toml`: the approved demand-side platforms (R-DSP).

use std::collections::HashMap;
use std::sync::Arc;

use super::currencies::currency;
use super::diagnostic::{At, File, Place, Report};
use super::names::{SUSPENSION, account, endpoint, id, is_internal, label, wire};
use super::partner_keys::{self, PartnerKeyEntry};
use super::reader::{Register, Table, read_file};
use super::sources::Sources;
use super::transport;
use super::units::{day, flag, short_ms, small, whole};
use super::{choice, values};
use crate::clock::ShanghaiDay;
use crate::market::demand::{Endpoint, Transport};
use crate::money::Currency;

const DSP_KEYS: &[&str] = &[
    "id",
    "name",
    "endpoint",
    "allow_internal",
    "ca_file",
    "http",
    "request_encoding",
    "accept_encoding",
    "openrtb_version",
    "headers",
    "approved_from",
    "approved_until",
    "buyers",
    "queries_per_second",
    "most_in_flight",
    "timeout",
    "currency",
    "state",
    "partner_keys",
];

pub(super) struct DspEntry {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) endpoint: Endpoint,
    pub(super) allow_internal: bool,
    pub(super) transport: Arc<Transport>,
    pub(super) approved: (ShanghaiDay, ShanghaiDay),
    pub(super) buyers: Vec<(At<String>, Vec<String>)>,
    pub(super) queries_per_second: u32,
    pub(super) most_in_flight: usize,
    pub(super) timeout_ms: u32,
    pub(super) currency: At<Currency>,
    pub(super) suspended: bool,
    pub(super) partner_keys: Vec<PartnerKeyEntry>,
    pub(super) place: Place,
}

pub(super) fn read(sources: &Sources, report: &Report) -> Register<DspEntry> {
    let read = read_file(File::Dsps, sources.text(File::Dsps), &["schema", "dsp"], report, |table| {
        let mut dsps = Register::new("dsp");
        if !table.each("dsp", DSP_KEYS, |table| dsp(table, sources, &mut dsps)) {
            dsps.is_incomplete();
        }
        dsps
    });
    read.unwrap_or_else(|| Register::unread("dsp"))
}

fn dsp(table: Table<'_>, sources: &Sources, dsps: &mut Register<DspEntry>) {
    let report = table.report();
    let dsp_id = table.required_at("id", id);
    let name = table.required("name", label);
    let endpoint = table.required_at("endpoint", endpoint);
    let allow_internal = table.optional("allow_internal", flag).map(|given| given.unwrap_or(false));
    let transport = transport::read(table, endpoint.as_ref().map(|it| &it.value), sources);
    let from = table.required("approved_from", day);
    let until = table.required_at("approved_until", day);
    let buyers = buyers(table);
    let queries_per_second = table.required("queries_per_second", small(1_u32, 10_000_000));
    let most_in_flight = table.required("most_in_flight", whole(1, 1_000_000));
    let timeout = table.required("timeout", short_ms(1, 10_000));
    let currency = table.optional_at("currency", currency);
    let suspended = table.optional("state", choice(SUSPENSION));
    let partner_keys = partner_keys::read(table);

    if let (Some(endpoint), Some(false)) = (&endpoint, allow_internal)
        && is_internal(&endpoint.value.host)
    {
        let host = &endpoint.value.host;
        report.error(
            endpoint.place,
            format!("`endpoint` {host} is not on the public internet; if that is meant, set allow_internal = true"),
        );
    }
    if let (Some(from), Some(until)) = (from, until)
        && until.value < from
    {
        report.error(until.place, "`approved_until` is before `approved_from` (R-DSP)");
    }
    let entry = (|| {
        Some(DspEntry {
            id: dsp_id.as_ref()?.value.clone(),
            name: name?,
            endpoint: endpoint?.value,
            allow_internal: allow_internal?,
            transport: Arc::new(transport?),
            approved: (from?, until?.value),
            buyers: buyers?,
            queries_per_second: queries_per_second?,
            most_in_flight: usize::try_from(most_in_flight?).ok()?,
            timeout_ms: timeout?,
            currency: currency?.unwrap_or(At { value: Currency::CNY, place: table.place }),
            suspended: suspended?.unwrap_or(false),
            partner_keys: partner_keys?,
            place: table.place,
        })
    })();
    dsps.add(dsp_id, entry, report);
}

/// The buyers with their seats: a seat stands for one buyer only, or nobody could say who pays.
fn buyers(table: Table<'_>) -> Option<Vec<(At<String>, Vec<String>)>> {
    let report = table.report();
    let buyers = table.filled_tables("buyers", &["account", "seats"], |table| {
        let account = table.required_at("account", account);
        let seats = table.filled_list("seats", wire);
        Some((account?, seats?))
    })?;
    let mut accounts = HashMap::new();
    let mut taken = HashMap::new();
    for At { value: (account, seats), .. } in &buyers {
        if accounts.insert(&account.value, ()).is_some() {
            report.error(account.place, format!("account `{}` is already listed for this DSP (R-DSP)", account.value));
        }
        for seat in seats {
            match taken.insert(&seat.value, &account.value) {
                Some(other) if *other != account.value => {
                    let seat_name = &seat.value;
                    report
                        .error(seat.place, format!("seat `{seat_name}` already stands for account `{other}` (R-DSP)"));
                }
                Some(_) => report.error(seat.place, format!("seat `{}` is listed twice", seat.value)),
                None => {}
            }
        }
    }
    Some(buyers.into_iter().map(|buyer| (buyer.value.0, values(buyer.value.1))).collect())
}
