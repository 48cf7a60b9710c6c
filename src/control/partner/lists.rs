//! Pages of lists.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;
use serde_json::Value;

use super::problem::Problem;

/// Items of a page, where nothing is asked.
const PAGE: usize = 100;
/// Items of a page at most.
const LARGEST_PAGE: usize = 500;

/// Which page of a list, and which of its items.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Page {
    cursor: Option<String>,
    limit: Option<usize>,
}

pub(super) type Asked<T = Page> = Result<Query<T>, QueryRejection>;

impl Page {
    pub(super) fn of(asked: Asked) -> Result<Self, Problem> {
        let page = asked?.0;
        page.limit()?;
        Ok(page)
    }

    pub(super) fn new(cursor: Option<String>, limit: Option<usize>) -> Self {
        Self { cursor, limit }
    }

    /// How many items at most.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        self.limit_within(PAGE, LARGEST_PAGE)
    }

    /// The same where items are large.
    pub(super) fn limit_within(&self, usual: usize, most: usize) -> Result<usize, Problem> {
        match self.limit.unwrap_or(usual) {
            limit if (1..=most).contains(&limit) => Ok(limit),
            _ => {
                let (en, zh) = (format!("`limit` must be 1 to {most}"), format!("`limit` 必须为 1 至 {most}"));
                Err(Problem::bad_query(en, zh).at("limit"))
            }
        }
    }

    /// After which name.
    pub(super) fn name(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// After, or below, which number; `otherwise` on the first page.
    pub(super) fn number(&self, otherwise: u64) -> Result<u64, Problem> {
        self.cursor.as_ref().map_or(Ok(otherwise), |cursor| cursor.parse().map_err(|_| bad_cursor()))
    }
}

pub(super) fn bad_cursor() -> Problem {
    let zh = "`cursor` 必须是先前返回的 `next_cursor`";
    Problem::bad_query("`cursor` must be what `next_cursor` was", zh).at("cursor")
}

/// A page as it is told.
pub(super) fn page(items: Vec<Value>, next: Option<String>) -> Value {
    let next = next.map_or(Value::Null, Value::String);
    Value::Object([("items".to_owned(), Value::Array(items)), ("next_cursor".to_owned(), next)].into_iter().collect())
}

/// A page of what is in memory, by name: those after the cursor, in order, and the next cursor.
pub(super) fn by_name<T: Copy>(
    all: impl Iterator<Item = T>,
    page: &Page,
    name: impl Fn(T) -> String,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let limit = page.limit()?;
    let named = all.map(|item| (name(item), item));
    let mut rest: Vec<_> = named.filter(|(name, _)| page.name().is_none_or(|after| name.as_str() > after)).collect();
    rest.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let more = rest.len() > limit;
    rest.truncate(limit);
    let next = rest.last().filter(|_| more).map(|(name, _)| name.clone());
    Ok((rest.into_iter().map(|(_, item)| item).collect(), next))
}
