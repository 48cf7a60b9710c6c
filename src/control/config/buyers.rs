//! `buyers.toml`: buyers by ACCOUNT ID and the advertisers that they buy for (R-OWN, R-QUALIFY).

use super::diagnostic::{At, File, Place, Report};
use super::names::SUSPENSION;
use super::names::{account, category, domain, id, label};
use super::partner_keys::{self, PartnerKeyEntry};
use super::reader::{Register, Table, read_file};
use super::units::{amount, day};
use super::{choice, values};
use crate::clock::ShanghaiDay;
use crate::market::agreement::{Cooperation, Party, is_credit_code};
use crate::market::demand::TopUp;
use crate::money::MicroYuan;

const BUYER_KEYS: &[&str] = &[
    "account",
    "name",
    "contract",
    "state",
    "opening_balance",
    "monthly_minimum",
    "invoice_title",
    "cooperation",
    "parties",
    "monitor",
    "partner_keys",
    "advertisers",
];
const ADVERTISER_KEYS: &[&str] = &["id", "name", "source", "domains", "category", "qualified_until"];

pub(super) struct BuyerEntry {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) contract: String,
    pub(super) suspended: bool,
    pub(super) opening_balance: Option<TopUp>,
    pub(super) monthly_minimum: MicroYuan,
    pub(super) invoice_title: Option<String>,
    pub(super) cooperation: Option<Cooperation>,
    pub(super) parties: Vec<Party>,
    pub(super) monitor: Option<At<String>>,
    pub(super) partner_keys: Vec<PartnerKeyEntry>,
    pub(super) place: Place,
}

pub(super) struct AdvertiserEntry {
    pub(super) account: String,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) source: String,
    pub(super) domains: Vec<String>,
    pub(super) category: String,
    pub(super) qualified_until: At<ShanghaiDay>,
    pub(super) place: Place,
}

pub(super) struct Buyers {
    pub(super) buyers: Register<BuyerEntry>,
    /// By `account/advertiser`.
    pub(super) advertisers: Register<AdvertiserEntry>,
}

pub(super) fn read(text: &str, report: &Report) -> Buyers {
    let read = read_file(File::Buyers, text, &["schema", "buyer"], report, |table| {
        let mut all = Buyers { buyers: Register::new("account"), advertisers: Register::new("advertiser") };
        if !table.each("buyer", BUYER_KEYS, |table| buyer(table, &mut all)) {
            all.buyers.is_incomplete();
            all.advertisers.is_incomplete();
        }
        all
    });
    read.unwrap_or_else(|| Buyers { buyers: Register::unread("account"), advertisers: Register::unread("advertiser") })
}

fn buyer(table: Table<'_>, all: &mut Buyers) {
    let account = table.required_at("account", account);
    let name = table.required("name", label);
    let contract = table.required("contract", label);
    let suspended = table.optional("state", choice(SUSPENSION));
    let opening_balance = opening_balance(table);
    let monthly_minimum =
        table.required("monthly_minimum", |value| amount(value).map_err(|wrong| wrong + " (R-MINIMUM)"));

    let invoice_title = table.optional("invoice_title", label);
    let cooperation = cooperation(table);
    let parties = parties(table);
    let monitor = table.optional_at("monitor", label);
    let partner_keys = partner_keys::read(table);

    let owner = account.as_ref().map(|account| account.value.as_str());
    let advertisers = &mut all.advertisers;
    let whole = table.each("advertisers", ADVERTISER_KEYS, |table| advertiser(table, owner, advertisers));
    if !whole || owner.is_none() {
        advertisers.is_incomplete();
    }
    let entry = (|| {
        Some(BuyerEntry {
            account: owner?.to_owned(),
            name: name?,
            contract: contract?,
            suspended: suspended?.unwrap_or(false),
            opening_balance: opening_balance?,
            monthly_minimum: monthly_minimum?,
            invoice_title: invoice_title?,
            cooperation: cooperation?,
            parties: parties?,
            monitor: monitor?,
            partner_keys: partner_keys?,
            place: table.place,
        })
    })();
    all.buyers.add(account, entry, table.report());
}

fn opening_balance(table: Table<'_>) -> Option<Option<TopUp>> {
    let Some(balance) = table.optional_section("opening_balance", &["amount", "reference"])? else { return Some(None) };
    let amount = balance.required("amount", |value| match amount(value)? {
        MicroYuan::ZERO => Err("must be greater than zero; leave `opening_balance` out".to_owned()),
        amount => Ok(amount),
    });
    let reference = balance.required("reference", label);
    Some(Some(TopUp { amount: amount?, reference: reference? }))
}

/// R-TERM: both days, so that the extension after the last one is known.
fn cooperation(table: Table<'_>) -> Option<Option<Cooperation>> {
    let Some(days) = table.optional_section("cooperation", &["from", "until"])? else { return Some(None) };
    let (from, until) = (days.required("from", day), days.required_at("until", day));
    let (from, until) = (from?, until?);
    if until.value < from {
        table.report().error(until.place, format!("`until` {} is before `from` {from}", until.value));
        return None;
    }
    Some(Some(Cooperation { from, until: until.value }))
}

/// The legal entities that are jointly liable; one alone is the buyer itself.
fn parties(table: Table<'_>) -> Option<Vec<Party>> {
    let parties = table.tables("parties", &["name", "credit_code"], |party| {
        let name = party.required("name", label);
        let credit_code = party.optional("credit_code", |value| {
            let given = label(value)?;
            let wrong = "must be a unified social credit code: 18 digits and capital letters, the last of which checks the others";
            if is_credit_code(&given) { Ok(given) } else { Err(wrong.to_owned()) }
        });
        Some(Party { name: name?, credit_code: credit_code? })
    });
    let parties = parties?;
    if parties.is_empty() && table.has("parties") {
        let why = "`parties` is empty; leave it out where the buyer is one entity";
        table.report().error(table.place_of("parties"), why);
    }
    let mut names = std::collections::HashSet::new();
    for party in &parties {
        if !names.insert(party.value.name.as_str()) {
            table.report().error(party.place, format!("party `{}` is named twice", party.value.name));
        }
    }
    Some(values(parties))
}

fn advertiser(table: Table<'_>, owner: Option<&str>, advertisers: &mut Register<AdvertiserEntry>) {
    let advertiser_id = table.required_at("id", id);
    let name = table.required("name", label);
    let source = table.required("source", label);
    let domains = table.filled_list("domains", domain);
    let category = table.required("category", category);
    let qualified_until = table.required_at("qualified_until", day);
    let full = owner
        .zip(advertiser_id.as_ref())
        .map(|(account, id)| At { value: format!("{account}/{}", id.value), place: id.place });
    let entry = (|| {
        Some(AdvertiserEntry {
            account: owner?.to_owned(),
            id: advertiser_id?.value,
            name: name?,
            source: source?,
            domains: values(domains?),
            category: category?,
            qualified_until: qualified_until?,
            place: table.place,
        })
    })();
    advertisers.add(full, entry, table.report());
}
