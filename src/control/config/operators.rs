//! `operators.toml`: who may ask the control plane. Optional: without it, or without anybody in it, the listener on loopback takes everybody.
//! `rules::partner_keys` keeps their keys apart from all others.

use std::collections::HashSet;

use super::diagnostic::{At, File, Report};
use super::names::{choice, id, key_id};
use super::reader::{Table, read_file};
use super::units::sha256;
use super::values;
use crate::market::policy::operators::{Operator, OperatorKey, Operators, Role};

const ROLES: &[(&str, Role)] =
    &[("viewer", Role::Viewer), ("reviewer", Role::Reviewer), ("finance", Role::Finance), ("operator", Role::Operator)];

/// The operators of the file, with the places of their keys.
pub(super) struct Entries(Vec<Entry>);

struct Entry {
    id: String,
    roles: Vec<Role>,
    keys: Vec<(At<String>, [u8; 32])>,
}

impl Entries {
    /// Every key, with its digest.
    pub(super) fn keys(&self) -> impl Iterator<Item = &(At<String>, [u8; 32])> {
        self.0.iter().flat_map(|entry| &entry.keys)
    }

    pub(super) fn finish(self) -> Operators {
        let keys = |keys: Vec<(At<String>, _)>| {
            keys.into_iter().map(|(key, sha256)| OperatorKey { key_id: key.value, sha256 }).collect()
        };
        let operators = self.0.into_iter().map(|it| Operator { id: it.id, roles: it.roles, keys: keys(it.keys) });
        Operators::new(operators.collect())
    }
}

/// The operators, or `None` when the file is refused.
pub(super) fn read(given: Option<&str>, report: &Report) -> Option<Entries> {
    let Some(text) = given else { return Some(Entries(Vec::new())) };
    read_file(File::Operators, text, &["schema", "operator"], report, operators)?
}

fn operators(table: Table<'_>) -> Option<Entries> {
    let entries = table.tables("operator", &["id", "roles", "keys"], |operator| {
        let name = operator.required("id", id);
        let roles = operator.filled_list("roles", choice(ROLES)).map(values);
        let keys = operator.filled_tables("keys", &["id", "sha256"], |key| {
            let (name, sha256) = (key.required_at("id", key_id), key.required("sha256", sha256));
            Some((name?, sha256?))
        });
        Some(Entry { id: name?, roles: roles?, keys: values(keys?) })
    })?;
    if entries.len() > Operators::MOST {
        table.report().error(table.place, format!("{} operators are more than {}", entries.len(), Operators::MOST));
        return None;
    }
    let (mut ids, mut apart) = (HashSet::new(), true);
    for entry in &entries {
        if !ids.insert(entry.value.id.as_str()) {
            table.report().error(entry.place, format!("operator `{}` stands twice", entry.value.id));
            apart = false;
        }
    }
    apart.then(|| Entries(values(entries)))
}
