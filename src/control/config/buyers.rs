//! `buyers.toml`: buyers by ACCOUNT ID and the advertisers that they buy for (R-OWN, R-QUALIFY).

use super::diagnostic::{At, File, Place, Report};
use super::names::SUSPENSION;
use super::names::{account, category, domain, id, label};
use super::reader::{Register, Table, read_file};
use super::units::{amount, day};
use super::{choice, values};
use crate::clock::ShanghaiDay;
use crate::market::demand::TopUp;
use crate::money::MicroYuan;

const BUYER_KEYS: &[&str] =
    &["account", "name", "contract", "state", "opening_balance", "monthly_minimum", "advertisers"];
const ADVERTISER_KEYS: &[&str] = &["id", "name", "source", "domains", "category", "qualified_until"];

pub(super) struct BuyerEntry {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) contract: String,
    pub(super) suspended: bool,
    pub(super) opening_balance: Option<TopUp>,
    pub(super) monthly_minimum: MicroYuan,
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
