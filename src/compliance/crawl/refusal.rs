//! Why a page was not fetched: each reason with its rule, in words.

use std::net::IpAddr;

use crate::compliance::finding::{Finding, Weight};

/// Why a page was not fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Neither HTTPS nor, where that is allowed, HTTP.
    Scheme(String),
    /// No port that is allowed.
    Port(u16),
    /// A user or a password in the URL.
    Credentials,
    /// What cannot be read as a URL.
    Malformed(String),
    /// A host outside of the advertiser's domains.
    Outside(String),
    /// A host with an address that the public internet does not route.
    Internal(IpAddr),
    /// The name has no address.
    Nameless(String),
    /// Nobody can be connected to.
    Unreachable(String),
    /// TLS fails, most often for the certificate.
    Certificate(String),
    /// It does not speak HTTP as it should.
    Protocol(String),
    /// It takes longer than it may.
    Slow(Phase),
    /// More redirects than are followed.
    Hops(usize),
    /// Redirects that lead back to where they began.
    Loop(String),
    /// An answer that is no page.
    Status(u16),
    /// A head that is larger than it may be.
    LargeHead(usize),
    /// A body that is larger than it may be.
    LargeBody(usize),
    /// A packed body that does not unpack.
    Encoding(String),
    /// What is no page: a program, say.
    Type(String),
    /// A file that is saved instead of shown.
    Download(String),
    /// robots.txt forbids it (RFC 9309).
    Robots,
    /// robots.txt is not to be had: then nothing is fetched (RFC 9309 §2.3.1.4).
    RobotsGone,
    /// The crawler's own budget is used up for now.
    Busy(&'static str),
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The name.
    Resolve,
    /// The connection.
    Connect,
    /// The answer's head.
    Head,
    /// The answer's body.
    Body,
    /// Everything together.
    Whole,
}

/// What a refusal says of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It leads where no landing page may lead: as much a change as another text.
    Elsewhere,
    /// It does not answer as a page.
    Broken,
    /// Nothing: it was not asked.
    Unasked,
}

impl Phase {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Resolve => ("resolving its name", "解析域名"),
            Self::Connect => ("connecting", "建立连接"),
            Self::Head => ("the answer's head", "等待响应头"),
            Self::Body => ("the answer's body", "接收响应正文"),
            Self::Whole => ("all of it together", "整个抓取过程"),
        }
    }
}

impl Refusal {
    /// What it says of the page.
    #[must_use]
    pub const fn meaning(&self) -> Meaning {
        match self {
            Self::Scheme(_) | Self::Port(_) | Self::Credentials | Self::Malformed(_) | Self::Outside(_) => {
                Meaning::Elsewhere
            }
            Self::Internal(_) | Self::Type(_) | Self::Download(_) => Meaning::Elsewhere,
            Self::Robots | Self::RobotsGone | Self::Busy(_) => Meaning::Unasked,
            _ => Meaning::Broken,
        }
    }

    /// The refusal of a URL as a finding.
    #[must_use]
    pub fn finding(&self, url: &str) -> Finding {
        let rule = match self {
            Self::Outside(_) | Self::Internal(_) | Self::Download(_) | Self::Credentials | Self::Type(_) => "R-MALICE",
            _ => "R-LANDING-SAFE",
        };
        let weight = match self.meaning() {
            Meaning::Elsewhere => Weight::Refuse,
            Meaning::Broken => Weight::Person,
            Meaning::Unasked => Weight::Note,
        };
        let (code, found, en, zh) = self.said();
        Finding::new(rule, code, weight, (format!("page {url}"), &found), (en, zh))
    }

    /// Its code, what was found, and what it means in English and Chinese.
    fn said(&self) -> (&'static str, String, String, String) {
        let plain = |code, found: &str, en: &str, zh: &str| (code, found.to_owned(), en.to_owned(), zh.to_owned());
        match self {
            Self::Scheme(scheme) => {
                plain("page-scheme", scheme, "a landing page must be served over https", "落地页必须使用 https 提供")
            }
            Self::Port(port) => plain(
                "page-port",
                &port.to_string(),
                "a landing page must use the usual port",
                "落地页必须使用标准端口",
            ),
            Self::Credentials => plain(
                "page-credentials",
                "",
                "the URL must not have a user or a password in it",
                "网址中不得包含用户名或密码",
            ),
            Self::Malformed(text) => plain(
                "page-url",
                text,
                "this cannot be read as a URL; write it in full, with https://",
                "无法识别为网址，请填写以 https:// 开头的完整网址",
            ),
            Self::Outside(host) => plain(
                "page-outside",
                host,
                "the page leads to a host that is not under a domain that the advertiser has registered; register the domain or lead elsewhere",
                "页面跳转到广告主未登记域名下的主机；请登记该域名或更改跳转目标",
            ),
            Self::Internal(address) => plain(
                "page-internal",
                &address.to_string(),
                "the host has an address of an internal network; a landing page must be on the public internet",
                "该主机指向内部网络地址；落地页必须位于公共互联网",
            ),
            Self::Download(name) => plain(
                "page-download",
                name,
                "the link starts a download instead of showing a page",
                "链接直接触发文件下载，而不是显示页面",
            ),
            Self::Type(kind) => plain("page-type", kind, "the answer is no HTML page", "响应内容不是 HTML 页面"),
            Self::Robots => plain(
                "page-robots",
                "",
                "the site's robots.txt forbids fetching the page; allow it for `pmpx-landing`, or the page cannot be watched",
                "网站 robots.txt 禁止抓取该页面；请对 `pmpx-landing` 放行，否则无法监测该页面",
            ),
            Self::RobotsGone => plain(
                "page-robots-gone",
                "",
                "the site's robots.txt cannot be had at the moment, so nothing is fetched",
                "暂时无法获取网站 robots.txt，因此不进行抓取",
            ),
            Self::Busy(what) => plain(
                "page-later",
                what,
                "the crawler's own budget is used up for now; the page is fetched later",
                "抓取程序本身的额度暂时用尽，稍后再抓取",
            ),
            other => other.said_of_broken(),
        }
    }

    /// The same for what does not answer as a page.
    fn said_of_broken(&self) -> (&'static str, String, String, String) {
        let of = |code, found: String, en: &str, zh: &str| (code, found, en.to_owned(), zh.to_owned());
        match self {
            Self::Certificate(why) => {
                of("page-certificate", why.clone(), "the site's certificate does not hold", "网站证书无效")
            }
            Self::Nameless(why) => of("page-name", why.clone(), "the host's name cannot be resolved", "无法解析主机名"),
            Self::Slow(phase) => {
                let (en, zh) = phase.words();
                let (en, zh) = (format!("the page takes too long: {en}"), format!("页面响应过慢：{zh}"));
                ("page-slow", String::new(), en, zh)
            }
            Self::Hops(most) => {
                let zh = format!("跳转次数超过 {most} 次");
                ("page-redirects", most.to_string(), format!("the page redirects more than {most} times"), zh)
            }
            Self::Loop(url) => of("page-loop", url.clone(), "the page redirects in a circle", "页面循环跳转"),
            Self::Status(status) => of(
                "page-status",
                status.to_string(),
                "the answer's status is none of a page that is shown",
                "响应状态码表明页面无法正常显示",
            ),
            Self::LargeHead(most) => of(
                "page-head",
                most.to_string(),
                "the answer's head is larger than this many bytes",
                "响应头超过上述字节数",
            ),
            Self::LargeBody(most) => of(
                "page-size",
                most.to_string(),
                "the page is larger than this many bytes, as sent or unpacked",
                "页面大小（传输或解压后）超过上述字节数",
            ),
            Self::Encoding(why) => of(
                "page-encoding",
                why.clone(),
                "the page is packed in a way that cannot be unpacked",
                "页面压缩内容无法解压",
            ),
            Self::Protocol(why) => {
                of("page-protocol", why.clone(), "the answer is not HTTP as it should be", "响应不符合 HTTP 协议")
            }
            other => {
                let why = if let Self::Unreachable(why) = other { why.clone() } else { String::new() };
                of("page-unreachable", why, "the page's server cannot be connected to", "无法连接页面服务器")
            }
        }
    }
}
