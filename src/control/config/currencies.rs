//! `currencies.toml`: what other currencies are worth in yuan, from a day on.

use super::diagnostic::{At, File, Report};
use super::reader::{Table, read_file};
use super::units::{day, decimal, text};
use crate::clock::ShanghaiDay;
use crate::money::{Currency, Rate};

/// The rates of all versions.
pub(super) struct Currencies {
    pub(super) rows: Vec<(Currency, ShanghaiDay, Rate)>,
    /// Whether all of it could be read, so that a rate that is not there is really missing.
    pub(super) complete: bool,
}

/// A currency by its ISO 4217 code.
pub(super) fn currency(value: &toml::de::DeValue<'_>) -> Result<Currency, String> {
    Currency::parse(text(value)?).ok_or_else(|| "must be an ISO 4217 code such as \"USD\"".to_owned())
}

fn rate(value: &toml::de::DeValue<'_>) -> Result<Rate, String> {
    Rate::parse(decimal(value, "7.0288")?).map_err(|error| error.to_string())
}

pub(super) fn read(text: &str, report: &Report) -> Currencies {
    let read = read_file(File::Currencies, text, &["schema", "version"], report, |table| {
        let mut all = Currencies { rows: Vec::new(), complete: true };
        let mut before: Option<At<ShanghaiDay>> = None;
        let whole = table.each("version", &["from", "rates"], |table| {
            let from = table.required_at("from", day);
            if let (Some(from), Some(before)) = (&from, &before)
                && from.value <= before.value
            {
                report.error(
                    from.place,
                    format!(
                        "`from` {} is not after {} of the version before it, on line {}",
                        from.value, before.value, before.place.line
                    ),
                );
            }
            all.complete &= version(table, from, &mut all.rows).is_some();
            before = from.or(before);
        });
        all.complete &= whole;
        all
    });
    read.unwrap_or(Currencies { rows: Vec::new(), complete: false })
}

fn version(
    table: Table<'_>,
    from: Option<At<ShanghaiDay>>,
    rows: &mut Vec<(Currency, ShanghaiDay, Rate)>,
) -> Option<()> {
    let mut seen = Vec::new();
    let rates = table.filled_tables("rates", &["currency", "cny"], |table| {
        let currency = table.required_at("currency", currency)?;
        if currency.value == Currency::CNY {
            table.report().error(currency.place, "the yuan's own rate is 1; leave it out");
        }
        if seen.contains(&currency.value) {
            table.report().error(currency.place, format!("{} has a rate in this version already", currency.value));
        }
        seen.push(currency.value);
        Some((currency.value, table.required("cny", rate)?))
    });
    let from = from?.value;
    rows.extend(rates?.into_iter().map(|it| (it.value.0, from, it.value.1)));
    Some(())
}
