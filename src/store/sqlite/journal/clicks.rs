//! Clicks on the write connection: one row for each ad, in its day's table.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection};

use super::days::Days;
use crate::clock::ShanghaiDay;
use crate::event::{Click, Clicked, LeaseState, StoreUnavailable};
use crate::ids::LeaseId;
use crate::store::sqlite::{leases, schema};

/// Writes clicks whose leases are not closed: no row comes to a day whose tokens are dead, none to one that is sealed, and none of an
/// auction that belonged to a lost disk.
pub(super) fn save(connection: &Connection, known: &Days, clicks: &[Click]) -> Result<(), StoreUnavailable> {
    let mut alive = HashMap::<LeaseId, bool>::new();
    let mut days = HashMap::<ShanghaiDay, CachedStatement<'_>>::new();
    for click in clicks {
        let lease = click.charge.lease;
        let alive = match alive.get(&lease) {
            Some(known) => *known,
            None => {
                let found = leases::load(connection, lease)?.is_some_and(|it| it.state != LeaseState::Closed);
                alive.insert(lease, found);
                found
            }
        };
        let day = click.charge.day();
        if !alive || known.is_sealed(day) || known.is_lost(click.charge.key.auction) {
            continue;
        }
        let upsert = match days.entry(day) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(open(connection, day)?),
        };
        let row = Clicked::new(click);
        upsert.execute(rusqlite::params![
            row.auction.to_bytes(),
            row.imp,
            row.slot,
            row.media.0,
            row.placement,
            row.dsp,
            row.buyer.0,
            row.advertiser,
            row.deal.0,
            row.creative,
            row.creative_version,
            row.first_at.0.cast_signed(),
        ])?;
    }
    Ok(())
}

fn open(connection: &Connection, day: ShanghaiDay) -> Result<CachedStatement<'_>, StoreUnavailable> {
    let known = connection.prepare_cached("SELECT 1 FROM click_day WHERE day = ?1")?.exists([day.0])?;
    if !known {
        schema::create_click_table(connection, day)?;
    }
    Ok(connection.prepare_cached(&format!(
        "INSERT INTO {} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, 1)
         ON CONFLICT DO UPDATE SET first_at_ms = min(first_at_ms, excluded.first_at_ms),
         last_at_ms = max(last_at_ms, excluded.last_at_ms), times = times + 1",
        schema::click_table(day)
    ))?)
}
