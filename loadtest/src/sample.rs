//! Slots as they were really offered: the embedded sample, or an iPinYou impression log.

use std::path::Path;

const SAMPLE: &str = include_str!("../data/traffic-sample.tsv");

/// One offered slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Milliseconds after the first.
    pub(crate) offset_ms: u64,
    pub(crate) size: (u32, u32),
    pub(crate) visibility: String,
    /// Fen per thousand impressions.
    pub(crate) floor_fen: u32,
    pub(crate) region: u32,
    pub(crate) city: u32,
    pub(crate) user_agent: String,
}

/// The sample of `data/traffic-sample.tsv`, in time order.
pub(crate) fn embedded() -> Result<Vec<Slot>, String> {
    SAMPLE
        .lines()
        .enumerate()
        .skip(1)
        .map(|(index, line)| sample_line(line).ok_or(format!("sample line {}", index + 1)))
        .collect()
}

/// An iPinYou impression log (tab-separated, no header), in time order. Lines that are not of that form are an error.
pub(crate) fn ipinyou(path: &Path) -> Result<Vec<Slot>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut slots = Vec::new();
    for (index, line) in text.lines().enumerate() {
        slots.push(log_line(line).ok_or_else(|| format!("{}:{}: no iPinYou impression", path.display(), index + 1))?);
    }
    slots.sort_by_key(|slot: &Slot| slot.offset_ms);
    let first = slots.first().ok_or_else(|| format!("{}: empty", path.display()))?.offset_ms;
    slots.iter_mut().for_each(|slot| slot.offset_ms -= first);
    Ok(slots)
}

fn sample_line(line: &str) -> Option<Slot> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [offset, width, height, visibility, floor, region, city, user_agent] = fields.as_slice() else { return None };
    Some(Slot {
        offset_ms: offset.parse().ok()?,
        size: (width.parse().ok()?, height.parse().ok()?),
        visibility: (*visibility).to_owned(),
        floor_fen: floor.parse().ok()?,
        region: region.parse().ok()?,
        city: city.parse().ok()?,
        user_agent: (*user_agent).to_owned(),
    })
}

fn log_line(line: &str) -> Option<Slot> {
    let field: Vec<&str> = line.split('\t').collect();
    Some(Slot {
        offset_ms: log_time(field.get(1)?)?,
        size: (field.get(13)?.parse().ok()?, field.get(14)?.parse().ok()?),
        visibility: (*field.get(15)?).to_owned(),
        floor_fen: field.get(17)?.parse().ok()?,
        region: field.get(6)?.parse().ok()?,
        city: field.get(7)?.parse().ok()?,
        user_agent: (*field.get(4)?).to_owned(),
    })
}

/// `yyyyMMddHHmmssSSS` in milliseconds; exact within a month, which is what one log spans.
fn log_time(text: &str) -> Option<u64> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let days = (part(0, 4)? * 12 + part(4, 6)?) * 31 + part(6, 8)?;
    let seconds = (part(8, 10)? * 60 + part(10, 12)?) * 60 + part(12, 14)?;
    Some((days * 86_400 + seconds) * 1_000 + part(14, 17)?)
}

/// iPinYou's region code as ISO 3166-2, or `None` where it is unknown.
pub(crate) fn iso_region(code: u32) -> Option<&'static str> {
    const REGIONS: [(u32, &str); 34] = [
        (1, "CN-BJ"),
        (2, "CN-TJ"),
        (3, "CN-HE"),
        (15, "CN-SX"),
        (27, "CN-NM"),
        (40, "CN-LN"),
        (55, "CN-JL"),
        (65, "CN-HL"),
        (79, "CN-SH"),
        (80, "CN-JS"),
        (94, "CN-ZJ"),
        (106, "CN-AH"),
        (124, "CN-FJ"),
        (134, "CN-JX"),
        (146, "CN-SD"),
        (164, "CN-HA"),
        (183, "CN-HB"),
        (201, "CN-HN"),
        (216, "CN-GD"),
        (238, "CN-GX"),
        (253, "CN-HI"),
        (275, "CN-CQ"),
        (276, "CN-SC"),
        (298, "CN-GZ"),
        (308, "CN-YN"),
        (325, "CN-XZ"),
        (333, "CN-SN"),
        (344, "CN-GS"),
        (359, "CN-QH"),
        (368, "CN-NX"),
        (374, "CN-XJ"),
        (393, "CN-TW"),
        (394, "CN-HK"),
        (395, "CN-MO"),
    ];
    REGIONS.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_whole_in_time_order_and_without_identifiers() {
        let slots = embedded().unwrap();
        assert_eq!(slots.len(), 2_000);
        assert_eq!(slots[0].offset_ms, 0);
        assert!(slots.is_sorted_by_key(|slot| slot.offset_ms));
        for slot in &slots {
            assert!(slot.region == 0 || iso_region(slot.region).is_some(), "region {}", slot.region);
            let long_hex = slot.user_agent.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() >= 10);
            assert!(!long_hex && !slot.user_agent.contains('{'), "{}", slot.user_agent);
        }
    }

    #[test]
    fn log_times_keep_their_distance() {
        let (a, b) = (log_time("20131021235959999").unwrap(), log_time("20131022000000001").unwrap());
        assert_eq!(b - a, 2);
        assert_eq!(log_time("2013102123"), None);
    }
}
