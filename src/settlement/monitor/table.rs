//! Reads a third party's table: everything that is wrong with it is told, by line and column, before anything of it counts.

use crate::clock::ShanghaiDay;

/// The most rows of one table.
pub const MOST_ROWS: usize = 10_000;

/// The columns that every table has; beside them `deal`, `order`, or both.
const COLUMNS: [&str; 4] = ["from", "until", "impressions", "monitor"];
const DEAL: &str = "deal";
const ORDER: &str = "order";

/// What third parties also count and nobody recognises (R-STATS), by what their columns are called.
const NOT_RECOGNISED: [(&str, &str); 7] = [
    ("click", "clicks"),
    ("点击", "clicks"),
    ("freq", "frequency"),
    ("频", "frequency"),
    ("ta%", "TA%"),
    ("ta_", "TA%"),
    ("ivt", "IVT"),
];

/// What a count is of (R-STATS: per order and promotion period).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// One deal, by its id.
    Deal(String),
    /// All deals of an order, by its number.
    Order(String),
}

impl Subject {
    /// The column in which it stands.
    #[must_use]
    pub const fn column(&self) -> &'static str {
        match self {
            Self::Deal(_) => DEAL,
            Self::Order(_) => ORDER,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Deal(name) | Self::Order(name)) = self;
        write!(f, "{} {name}", self.column())
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its line in the text, from 1.
    pub line: u64,
    /// What was counted.
    pub subject: Subject,
    /// First day.
    pub from: ShanghaiDay,
    /// Last day.
    pub until: ShanghaiDay,
    /// How many impressions were counted.
    pub impressions: u64,
    /// Who counted.
    pub monitor: String,
}

/// Everything that is wrong with a table, each with line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongTable(pub Vec<String>);

/// Reads a table: CSV (RFC 4180) with a head, the columns in any order.
///
/// # Errors
/// [`WrongTable`] with all that is wrong.
pub fn read(csv: &str) -> Result<Vec<Row>, WrongTable> {
    let csv = csv.strip_prefix('\u{feff}').unwrap_or(csv);
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(csv.as_bytes());
    let head = reader.headers().map_err(|error| WrongTable(vec![format!("line 1: {error}")]))?;
    let head: Vec<_> = head.iter().map(str::to_lowercase).collect();
    let places = places_of(&head)?;
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                wrong.push(error.to_string());
                break;
            }
        };
        let line = record.position().map_or(0, |position| line_of(csv, position));
        if rows.len() + wrong.len() >= MOST_ROWS {
            wrong.push(format!("line {line}: a table has at most {MOST_ROWS} rows; send the rest apart"));
            break;
        }
        if record.len() != head.len() {
            wrong.push(format!("line {line}: {} columns, the head has {}", record.len(), head.len()));
            continue;
        }
        rows.extend(row(&record, places, line, &mut wrong));
    }
    if rows.is_empty() && wrong.is_empty() {
        wrong.push("line 2: there is no row".to_owned());
    }
    if wrong.is_empty() { Ok(rows) } else { Err(WrongTable(wrong)) }
}

/// The line of a row, from 1: its position is told from before the empty lines, and the end of the line, that it follows.
fn line_of(csv: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|byte| csv.as_bytes().get(byte..)).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
    position.line() + blank as u64
}

/// Where each column stands.
#[derive(Clone, Copy)]
struct Places {
    always: [usize; 4],
    deal: Option<usize>,
    order: Option<usize>,
}

fn places_of(head: &[String]) -> Result<Places, WrongTable> {
    let mut wrong = Vec::new();
    for (place, name) in head.iter().enumerate() {
        let column = place + 1;
        if head[..place].contains(name) {
            wrong.push(format!("line 1, column {column}: {name:?} stands there twice"));
        } else if let Some((_, what)) = NOT_RECOGNISED.iter().find(|(part, _)| name.contains(part)) {
            wrong.push(format!("line 1, column {column} {name:?}: third parties' {what} figures are not recognised (R-STATS); leave the column out"));
        } else if !COLUMNS.contains(&name.as_str()) && name != DEAL && name != ORDER {
            let known = [&[DEAL, ORDER], &COLUMNS[..]].concat().join(", ");
            wrong.push(format!("line 1, column {column} {name:?}: not known; the columns are {known}"));
        }
    }
    let find = |name| head.iter().position(|it| it == name);
    let mut places = Places { always: [0; 4], deal: find(DEAL), order: find(ORDER) };
    if places.deal.is_none() && places.order.is_none() {
        wrong.push(format!("line 1: there is neither a column {DEAL:?} nor one {ORDER:?}"));
    }
    for (place, name) in places.always.iter_mut().zip(COLUMNS) {
        match head.iter().position(|it| it == name) {
            Some(found) => *place = found,
            None => wrong.push(format!("line 1: the column {name:?} is missing")),
        }
    }
    if wrong.is_empty() { Ok(places) } else { Err(WrongTable(wrong)) }
}

/// A row, or all that is wrong with it.
fn row(record: &csv::StringRecord, places: Places, line: u64, wrong: &mut Vec<String>) -> Option<Row> {
    let cell = |place| record.get(place).unwrap_or_default();
    let [from, until, impressions, monitor] = places.always.map(cell);
    let (deal, order) = (places.deal.map_or("", cell), places.order.map_or("", cell));
    let mut say = |column: &str, why: String| wrong.push(format!("line {line}, {column}: {why}"));
    let mut date = |column, text| {
        let day = ShanghaiDay::parse(text);
        if day.is_none() {
            say(column, format!("{text:?} is no day; write it like 2026-11-30"));
        }
        day
    };
    let (from, until) = (date("from", from), date("until", until));
    // Digits alone: a sign, a group's comma or a fraction is something else than a count.
    let digits = !impressions.is_empty() && impressions.bytes().all(|byte| byte.is_ascii_digit());
    let count = impressions.parse::<u64>().ok().filter(|count| digits && i64::try_from(*count).is_ok());
    if count.is_none() {
        say("impressions", format!("{impressions:?} is no count of impressions; write it like 4590000"));
    }
    let subject = match (deal, order) {
        ("", "") if places.order.is_none() => {
            say(DEAL, "is empty".to_owned());
            None
        }
        ("", "") => {
            say(ORDER, "is empty, and no deal is named either".to_owned());
            None
        }
        (deal, "") => Some(Subject::Deal(deal.to_owned())),
        ("", order) => Some(Subject::Order(order.to_owned())),
        (deal, order) => {
            say(
                ORDER,
                format!("{order:?} stands beside deal {deal:?}: a row counts one of them, the other is left empty"),
            );
            None
        }
    };
    if monitor.is_empty() {
        say("monitor", "is empty".to_owned());
        return None;
    }
    Some(Row { line, subject: subject?, from: from?, until: until?, impressions: count?, monitor: monitor.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(csv: &str) -> Vec<String> {
        read(csv).unwrap_err().0
    }

    #[test]
    fn r_stats_a_table_is_read_in_any_order_of_columns() {
        let csv = "\u{feff}Monitor, impressions ,deal,from,until\r\n\"Example, Count\",4590000,PDB-1,2026-11-01,2026-11-30\r\n";
        let row = Row {
            line: 2,
            subject: Subject::Deal("PDB-1".to_owned()),
            from: ShanghaiDay::parse("2026-11-01").unwrap(),
            until: ShanghaiDay::parse("2026-11-30").unwrap(),
            impressions: 4_590_000,
            monitor: "Example, Count".to_owned(),
        };
        assert_eq!(read(csv), Ok(vec![row.clone()]));
        let apart = csv.replace("\r\n", "\n\n").replace("\n\n\"", "\n\n\n\"");
        assert_eq!(read(&apart), Ok(vec![Row { line: 4, ..row }]), "empty lines are counted");
    }

    #[test]
    fn r_stats_all_that_is_wrong_is_told_by_line_and_column() {
        let csv = "deal,from,until,impressions,monitor\n\
                   A,2026-11-01,2026-11-31,-5,X\n\
                   A,2026-11-01,2026-11-30,5,X\n\
                   ,2026-11-01,2026-11-30,1.5,\n\
                   A,2026-11-01\n";
        let told = wrong(csv);
        let starts = [
            "line 2, until",
            "line 2, impressions",
            "line 4, impressions",
            "line 4, deal",
            "line 4, monitor",
            "line 5: 2 columns",
        ];
        assert_eq!(told.len(), starts.len(), "{told:#?}");
        assert!(told.iter().zip(starts).all(|(told, start)| told.starts_with(start)), "{told:#?}");
        assert_eq!(wrong("deal,from,until,impressions,monitor\n"), ["line 2: there is no row"]);
        assert_eq!(wrong("").len(), 5, "four columns are missing, and either of two");
        let huge =
            format!("deal,from,until,impressions,monitor\n{}", "A,2026-11-01,2026-11-30,5,X\n".repeat(MOST_ROWS + 1));
        assert_eq!(wrong(&huge).len(), 1);
    }

    #[test]
    fn r_stats_a_row_counts_a_deal_or_an_order() {
        let head = "order,from,until,impressions,monitor,deal\n";
        let rows = read(&format!("{head}DPS-7,2026-11-01,2026-11-30,5,X,\n,2026-11-01,2026-11-30,5,X,A\n")).unwrap();
        let subjects: Vec<_> = rows.into_iter().map(|row| row.subject).collect();
        assert_eq!(subjects, [Subject::Order("DPS-7".to_owned()), Subject::Deal("A".to_owned())]);
        let alone = read("order,from,until,impressions,monitor\nDPS-7,2026-11-01,2026-11-30,5,X\n").unwrap();
        assert_eq!(alone[0].subject.to_string(), "order DPS-7");
        let told = wrong(&format!("{head}DPS-7,2026-11-01,2026-11-30,5,X,A\n,2026-11-01,2026-11-30,5,X,\n"));
        assert!(told[0].starts_with("line 2, order: \"DPS-7\" stands beside deal \"A\""), "{told:?}");
        assert_eq!(told[1..], ["line 3, order: is empty, and no deal is named either"]);
        let told = wrong("from,until,impressions,monitor\n");
        assert_eq!(told, ["line 1: there is neither a column \"deal\" nor one \"order\""]);
    }

    #[test]
    fn r_stats_clicks_frequency_ta_and_ivt_are_refused_by_name() {
        for (column, what) in [
            ("clicks", "clicks"),
            ("Click-Synchronous", "clicks"),
            ("frequency", "frequency"),
            ("TA%", "TA%"),
            ("ta_percent", "TA%"),
            ("givt", "IVT"),
            ("频次", "frequency"),
        ] {
            let told = wrong(&format!("deal,from,until,impressions,monitor,{column}\n"));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("column 6") && told[0].contains(what) && told[0].contains("R-STATS"), "{told:?}");
        }
        let told = wrong("deal,from,until,impressions,monitor,cost\n");
        assert!(told[0].contains("\"cost\": not known"), "{told:?}");
    }
}
