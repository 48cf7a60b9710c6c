//! How a draft's values are kept: days as `YYYY-MM-DD`, amounts as whole micro-yuan, methods and causes by their names.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

pub(super) mod day {
    use super::{Deserialize, Deserializer, Error, Serializer};
    use crate::clock::ShanghaiDay;

    pub(in super::super) fn serialize<S: Serializer>(day: &ShanghaiDay, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(day)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ShanghaiDay, D::Error> {
        let text = String::deserialize(from)?;
        ShanghaiDay::parse(&text).ok_or_else(|| Error::custom(format!("{text:?} is no day; write it like 2026-11-30")))
    }
}

pub(super) mod micro_yuan {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::money::MicroYuan;

    pub(in super::super) fn serialize<S: Serializer>(amount: &MicroYuan, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(amount.0)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<MicroYuan, D::Error> {
        i64::deserialize(from).map(MicroYuan)
    }
}

pub(super) mod optional_micro_yuan {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::money::MicroYuan;

    #[allow(clippy::ref_option, reason = "serde gives a reference to the field")]
    pub(in super::super) fn serialize<S: Serializer>(
        amount: &Option<MicroYuan>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => serializer.serialize_some(&amount.0),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<MicroYuan>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(MicroYuan))
    }
}

pub(super) mod price {
    use super::{Deserialize, Deserializer, Error, Serializer};
    use crate::money::CpmMicroYuan;

    pub(in super::super) fn serialize<S: Serializer>(price: &CpmMicroYuan, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(price.micro_yuan_per_mille())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<CpmMicroYuan, D::Error> {
        let micro = i64::deserialize(from)?;
        CpmMicroYuan::new(micro).ok_or_else(|| Error::custom(format!("{micro} micro-yuan per mille is no price")))
    }
}

pub(super) mod method {
    use super::{Deserialize, Deserializer, Error, Serializer};
    use crate::event::Method;

    pub(in super::super) fn serialize<S: Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(method.name())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Method, D::Error> {
        let text = String::deserialize(from)?;
        let method = Method::ALL.into_iter().find(|method| method.name() == text);
        method.ok_or_else(|| Error::custom(format!("{text:?} is none of PDB, BPG and PD")))
    }
}

pub(super) mod causes {
    use std::collections::BTreeMap;

    use super::{Deserialize, Deserializer, Error, Serializer};
    use crate::event::Cause;

    pub(in super::super) fn serialize<S: Serializer>(
        causes: &BTreeMap<Cause, u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(causes.iter().map(|(cause, count)| (cause.label(), count)))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Cause, u64>, D::Error> {
        let named = |(label, count): (String, u64)| {
            let cause = Cause::ALL.iter().find(|cause| cause.label() == label);
            cause.map(|cause| (*cause, count)).ok_or_else(|| Error::custom(format!("{label:?} is no cause")))
        };
        BTreeMap::<String, u64>::deserialize(from)?.into_iter().map(named).collect()
    }
}
