//! The words of a statement in Chinese and English. Amounts in capital numerals are Chinese in both: they are what is filed.

use super::{DeductedFrom, Status};
use crate::clock::Month;
use crate::event::{Cause, Party};

/// The language of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Chinese as written on the mainland.
    #[default]
    Chinese,
    /// English.
    English,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Chinese, Self::English];

    /// The tag of BCP 47: `zh-CN` or `en`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        self.pick("zh-CN", "en")
    }

    pub(super) const fn pick(self, chinese: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    pub(super) const fn title(self) -> &'static str {
        self.pick("数据推广服务费结算单", "Data Promotion Service Fee Statement")
    }

    pub(super) fn month(self, month: Month) -> String {
        const NAMES: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let number = month.month_of_year();
        match self {
            Self::Chinese => format!("{}年{number}月", month.year()),
            Self::English => {
                let name = NAMES.get(usize::from(number) - 1).copied().unwrap_or_default();
                format!("{name} {}", month.year())
            }
        }
    }

    pub(super) fn status(self, status: Status) -> String {
        match (self, status) {
            (Self::Chinese, Status::Closed { on }) => format!("已关账（{on}）"),
            (Self::Chinese, Status::Provisional { through, .. }) => format!("暂计（截至 {through}）"),
            (Self::English, Status::Closed { on }) => format!("Closed on {on}"),
            (Self::English, Status::Provisional { through, .. }) => format!("Provisional, through {through}"),
        }
    }

    pub(super) const fn source(self, source: DeductedFrom) -> &'static str {
        match source {
            DeductedFrom::Prepayment => self.pick("预付款", "Prepayment"),
            DeductedFrom::Deposit => self.pick("保证金", "Deposit"),
            DeductedFrom::Rebate => self.pick("应付返点", "Rebate payable"),
            DeductedFrom::Receivable => self.pick("转为应收款", "Receivable"),
        }
    }

    pub(super) const fn party(self, party: Party) -> &'static str {
        match party {
            Party::Neither => self.pick("双方均无责任", "Neither side"),
            Party::Buyer => self.pick("买方", "Buyer"),
            Party::Exchange => self.pick("平台", "Exchange"),
        }
    }

    pub(super) const fn cause(self, cause: Cause) -> &'static str {
        match cause {
            Cause::AheadOfPlan => self.pick("计划进度已满足", "Ahead of plan"),
            Cause::OtherGuaranteed => self.pick("让位于其他保量交易", "Another guaranteed deal took the place"),
            Cause::Outranked => self.pick("优先级较低", "A deal of higher precedence won"),
            Cause::Returned => self.pick("退量比例之内退回", "Returned within the allowance"),
            Cause::NotDisplayed => self.pick("未上报展示", "No display reported"),
            Cause::Passed => self.pick("DSP 未出价", "The DSP passed"),
            Cause::UnderRateCard => self.pick("低于当日刊例价", "Under the rate card of the day"),
            Cause::Prohibited => self.pick("媒体禁投", "Prohibited by the media"),
            Cause::MediaGone => self.pick("媒体提前断开", "The media broke off"),
            Cause::Separated => self.pick("同一广告位组内竞品隔离", "Separated within an ad pod"),
            Cause::FrequencyCapped => self.pick("达到频次上限", "Frequency cap reached"),
            Cause::UnderFloor => self.pick("低于底价", "Under the floor"),
            Cause::NotOrdered => self.pick("当日无订单", "Not ordered on the day"),
            Cause::Exempt => self.pick("双方均不担责之日", "A day on which neither side answers"),
            Cause::DealSuspended => self.pick("交易暂停", "Deal suspended or paused"),
            Cause::BuyerSuspended => self.pick("账户暂停", "Account suspended"),
            Cause::BalanceEmpty => self.pick("余额不足", "Balance used up"),
            Cause::NoCreative => self.pick("无已审核创意", "No approved creative"),
            Cause::NotQualified => self.pick("广告主资质缺失或过期", "Advertiser's documents missing or expired"),
            Cause::DspNotApproved => self.pick("DSP 未获准", "DSP not approved"),
            Cause::PassedBeyondReturn => self.pick("超出退量比例", "Passed beyond the return allowance"),
            Cause::DspTimeout => self.pick("DSP 超时", "DSP timed out"),
            Cause::DspFailed => self.pick("DSP 故障", "DSP failed"),
            Cause::BidRejected => self.pick("出价被拒", "Bid refused"),
            Cause::DspThrottled => self.pick("DSP 请求速率已满", "DSP's agreed rate used up"),
            Cause::BreakerOpen => self.pick("DSP 熔断", "DSP failed lately and was not asked"),
            Cause::ExchangeError => self.pick("平台内部错误", "Failure inside the exchange"),
            Cause::NoTime => self.pick("剩余时间不足", "Too little time left"),
            Cause::NoLease => self.pick("节点暂无额度", "No lease on the node"),
            Cause::TooLittleTraffic => self.pick("流量不足", "Too little traffic"),
            Cause::ExchangeBusy => self.pick("平台达到并发上限", "Exchange at its own limit"),
        }
    }
}
