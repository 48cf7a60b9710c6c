//! Statements for tests: the worked examples of the business rules, and a month that has every kind of line.

use std::collections::BTreeMap;

use super::amounts::VatRate;
use super::{Adjustment, DealLine, DeductedFrom, Deduction, Draft, MonitorFigure, Status};
use crate::clock::{Month, ShanghaiDay};
use crate::event::{Cause, Method};
use crate::money::{CpmMicroYuan, MicroYuan};

pub(crate) fn day(text: &str) -> ShanghaiDay {
    ShanghaiDay::parse(text).unwrap()
}

pub(crate) fn yuan(text: &str) -> MicroYuan {
    MicroYuan::parse_yuan(text).unwrap()
}

fn price(text: &str) -> CpmMicroYuan {
    CpmMicroYuan::parse_yuan(text).unwrap()
}

/// A PD with that many billed impressions at ¥35.00 CPM.
pub(crate) fn preferred(deal: &str, impressions: u64) -> DealLine {
    let price = price("35.00");
    DealLine {
        order: None,
        deal: deal.to_owned(),
        project: "青禾乳业 春季新品 Qinghe Dairy".to_owned(),
        method: Method::Pd,
        first_day: day("2026-11-01"),
        last_day: day("2026-11-30"),
        price,
        ordered: None,
        delivered: impressions,
        undelivered_by_buyer: 0,
        undelivered_by_exchange: 0,
        causes: BTreeMap::new(),
        made_good: 0,
        monitor: None,
        settled: impressions,
        consumption: MicroYuan(price.per_impression().0 * i64::try_from(impressions).unwrap()),
        from_grants: MicroYuan::ZERO,
    }
}

/// A closed November with nothing in it.
pub(crate) fn empty() -> Draft {
    Draft {
        number: "DPS-202611-80010001".to_owned(),
        status: Status::Closed { on: day("2026-12-06") },
        exchange: "示例交易平台有限公司".to_owned(),
        contract: "PMP-2026-0001".to_owned(),
        invoice_title: "灯塔媒介采购（上海）有限公司".to_owned(),
        account: "80010001".to_owned(),
        buyer: "灯塔媒介采购".to_owned(),
        joint_parties: Vec::new(),
        month: Month::parse("2026-11").unwrap(),
        first_day: day("2026-11-01"),
        last_day: day("2026-11-30"),
        vat: VatRate::from_basis_points(600).unwrap(),
        minimum: None,
        deals: Vec::new(),
        adjustments: Vec::new(),
        deductions: Vec::new(),
    }
}

/// Worked example 1: a PD of ¥85,116.745 under a minimum of ¥100,000.
pub(crate) fn worked_example_1() -> Draft {
    Draft { minimum: Some(yuan("100000.00")), deals: vec![preferred("PD-2026-A", 2_431_907)], ..empty() }
}

/// A closed month with every kind of line; worked example 2 is its order, without make-good.
pub(crate) fn full() -> Draft {
    let ordered = DealLine {
        order: Some("DPSO-2026-0117/2".to_owned()),
        deal: "PDB-2026-OPEN".to_owned(),
        project: "云帆汽车 X7 上市 Yunfan Auto".to_owned(),
        method: Method::Pdb,
        price: price("60.00"),
        ordered: Some(6_000_000),
        delivered: 5_100_000,
        undelivered_by_buyer: 850_000,
        undelivered_by_exchange: 50_000,
        causes: [(Cause::PassedBeyondReturn, 700_412), (Cause::NoCreative, 150_000), (Cause::NoTime, 12)].into(),
        settled: 5_950_000,
        consumption: yuan("357000.00"),
        ..preferred("", 0)
    };
    let monitored = DealLine {
        order: Some("DPSO-2026-0121/1".to_owned()),
        deal: "BPG-2026-X7".to_owned(),
        project: "=cmd|' /C calc'!A0 \"<b>&amp; Ltd.\"".to_owned(),
        method: Method::Bpg,
        first_day: day("2026-11-10"),
        last_day: day("2026-11-20"),
        price: price("68.005"),
        ordered: Some(1_100_000),
        delivered: 1_100_000,
        made_good: 20_000,
        undelivered_by_exchange: 20_000,
        monitor: Some(MonitorFigure { name: "Example Count".to_owned(), impressions: 1_050_001 }),
        settled: 1_050_001,
        consumption: MicroYuan(68_005 * 1_050_001),
        from_grants: yuan("1234.56"),
        ..preferred("", 0)
    };
    let adjustment = |reference: &str, month, amount, reason: &str| Adjustment {
        reference: reference.to_owned(),
        month: Month::parse(month).unwrap(),
        reason: reason.to_owned(),
        amount: MicroYuan(amount),
    };
    let deduction = |source, amount| Deduction {
        reference: "VIO-2026-31".to_owned(),
        day: day("2026-11-18"),
        reason: "落地页擅自变更（第 1 次）Landing page changed (1st)".to_owned(),
        source,
        amount: yuan(amount),
    };
    Draft {
        joint_parties: vec!["灯塔广告（北京）有限公司".to_owned(), "Lantern Media (Shenzhen) Ltd.".to_owned()],
        minimum: Some(yuan("100000.00")),
        deals: vec![ordered, monitored, DealLine { from_grants: yuan("5000.00"), ..preferred("PD-2026-A", 2_431_907) }],
        adjustments: vec![
            adjustment("ADJ-7", "2026-10", -1_250_005_000, "无效流量追溯 Invalid traffic found late"),
            adjustment("ADJ-9", "2026-09", 88_000_000, "第三方复核 Review of a monitor's figure"),
        ],
        deductions: vec![deduction(DeductedFrom::Prepayment, "12000.00"), deduction(DeductedFrom::Rebate, "8000.00")],
        ..empty()
    }
}

/// The same month on the 17th: consumption to date is still under the minimum.
pub(crate) fn provisional() -> Draft {
    let status = Status::Provisional { through: day("2026-11-17"), forecast: Some(yuan("91350.27")) };
    let line = DealLine { last_day: day("2026-11-17"), ..preferred("PD-2026-A", 1_378_081) };
    Draft { status, deals: vec![line], ..worked_example_1() }
}
