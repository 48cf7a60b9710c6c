//! Substitution macros in notice URLs and markup (OpenRTB 2.6 §4.4).
//!
//! Plain text replacement in one pass: a value that looks like a macro is not replaced again, and nothing is URL-encoded
//! (§4.4: the default encoding is none).

use std::borrow::Cow;

/// The values, already rendered; a macro without one becomes the empty string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Macros<'a> {
    /// `${AUCTION_ID}`: the request's id.
    pub id: Option<&'a str>,
    /// `${AUCTION_BID_ID}`: `bidid` of the response, not the bid's id.
    pub bid_id: Option<&'a str>,
    /// `${AUCTION_IMP_ID}`: the impression's id.
    pub imp_id: Option<&'a str>,
    /// `${AUCTION_SEAT_ID}`: the seat.
    pub seat_id: Option<&'a str>,
    /// `${AUCTION_AD_ID}`: `adid` of the bid.
    pub ad_id: Option<&'a str>,
    /// `${AUCTION_PRICE}`: the clearing price, CPM in the bid's currency.
    pub price: Option<&'a str>,
    /// `${AUCTION_CURRENCY}`: the bid's currency.
    pub currency: Option<&'a str>,
    /// `${AUCTION_MBR}`: clearing price over bid price.
    pub market_bid_ratio: Option<&'a str>,
    /// `${AUCTION_LOSS}`: [`crate::lists::loss_reason`].
    pub loss: Option<&'a str>,
    /// `${AUCTION_MIN_TO_WIN}`: the price that would have tied.
    pub min_to_win: Option<&'a str>,
    /// `${AUCTION_MULTIPLIER}`: impressions won.
    pub multiplier: Option<&'a str>,
    /// `${AUCTION_IMP_TS}`: time of the impression, ms since 1970.
    pub imp_ts: Option<&'a str>,
    /// `${AUCTION_DISCOUNT_PCT}`: the seller's discount, percent of the bid price.
    pub discount_pct: Option<&'a str>,
    /// `${AUCTION_DISCOUNT_CPM}`: the seller's discount as CPM.
    pub discount_cpm: Option<&'a str>,
}

const PREFIX: &str = "${AUCTION_";

impl<'a> Macros<'a> {
    /// `None` for a name that the specification does not have.
    fn value(&self, name: &str) -> Option<Option<&'a str>> {
        Some(match name {
            "ID" => self.id,
            "BID_ID" => self.bid_id,
            "IMP_ID" => self.imp_id,
            "SEAT_ID" => self.seat_id,
            "AD_ID" => self.ad_id,
            "PRICE" => self.price,
            "CURRENCY" => self.currency,
            "MBR" => self.market_bid_ratio,
            "LOSS" => self.loss,
            "MIN_TO_WIN" => self.min_to_win,
            "MULTIPLIER" => self.multiplier,
            "IMP_TS" => self.imp_ts,
            "DISCOUNT_PCT" => self.discount_pct,
            "DISCOUNT_CPM" => self.discount_cpm,
            _ => return None,
        })
    }
}

/// Appends `text` to `out` with its macros replaced. Tokens that are no macro of the specification stay as they are.
///
/// `${NAME:B64}` gives the value in Base64 (RFC 4648 §4, padded); any other suffix asks for an encoding that nobody has
/// agreed with us and gives the empty string, so that no value leaves in clear where it was to be encoded.
pub fn substitute(text: &str, values: &Macros<'_>, out: &mut String) {
    let mut rest = text;
    while let Some((before, token)) = rest.split_once(PREFIX) {
        out.push_str(before);
        rest = token;
        let Some((body, after)) = token.split_once('}') else {
            out.push_str(PREFIX);
            continue;
        };
        let (name, suffix) = match body.split_once(':') {
            Some((name, suffix)) => (name, Some(suffix)),
            None => (body, None),
        };
        let Some(value) = values.value(name) else {
            // Only the prefix is passed: the unknown token may hold a macro itself.
            out.push_str(PREFIX);
            continue;
        };
        match suffix {
            None => out.push_str(value.unwrap_or_default()),
            Some("B64") => write_base64(value.unwrap_or_default().as_bytes(), out),
            Some(_) => {}
        }
        rest = after;
    }
    out.push_str(rest);
}

/// [`substitute`] that borrows, and allocates nothing, where the text has no macro.
#[must_use]
pub fn substituted<'t>(text: &'t str, values: &Macros<'_>) -> Cow<'t, str> {
    if !text.contains(PREFIX) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    substitute(text, values, &mut out);
    Cow::Owned(out)
}

fn write_base64(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place) & 63) as usize;
            let letter = ALPHABET.get(sextet).copied().unwrap_or(b'=');
            out.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Macros<'static> = Macros {
        id: Some("r1"),
        bid_id: Some("b1"),
        imp_id: Some("i1"),
        seat_id: Some("s1"),
        ad_id: Some("${AUCTION_PRICE}"),
        price: Some("35.1"),
        currency: Some("CNY"),
        market_bid_ratio: Some("0.9"),
        loss: None,
        min_to_win: Some("30"),
        multiplier: Some("2"),
        imp_ts: Some("1700000000000"),
        discount_pct: Some("20"),
        discount_cpm: Some("7"),
    };

    fn check(text: &str, expected: &str) {
        let mut out = String::from("> ");
        substitute(text, &VALUES, &mut out);
        assert_eq!(out, format!("> {expected}"));
        assert_eq!(substituted(text, &VALUES), expected);
    }

    #[test]
    fn every_macro_of_the_specification_is_replaced() {
        check("${AUCTION_ID},${AUCTION_BID_ID},${AUCTION_IMP_ID},${AUCTION_SEAT_ID}", "r1,b1,i1,s1");
        check("${AUCTION_PRICE}${AUCTION_CURRENCY}|${AUCTION_MBR}|${AUCTION_MIN_TO_WIN}", "35.1CNY|0.9|30");
        check(
            "${AUCTION_MULTIPLIER}/${AUCTION_IMP_TS}/${AUCTION_DISCOUNT_PCT}/${AUCTION_DISCOUNT_CPM}",
            "2/1700000000000/20/7",
        );
    }

    #[test]
    fn a_macro_without_value_is_empty_and_an_unknown_token_stays() {
        check("l=${AUCTION_LOSS}&x", "l=&x");
        check("${AUCTION_NOPE} ${OTHER} ${AUCTION_PRICE", "${AUCTION_NOPE} ${OTHER} ${AUCTION_PRICE");
        check("${AUCTION_${AUCTION_PRICE}", "${AUCTION_35.1");
        check("${AUCTION_价}${auction_price}", "${AUCTION_价}${auction_price}");
        check("", "");
    }

    #[test]
    fn a_value_is_not_read_again() {
        check("a=${AUCTION_AD_ID}", "a=${AUCTION_PRICE}");
    }

    #[test]
    fn base64_is_the_only_encoding() {
        check("${AUCTION_PRICE:B64} ${AUCTION_ID:B64} ${AUCTION_CURRENCY:B64}", "MzUuMQ== cjE= Q05Z");
        check("[${AUCTION_PRICE:AES}][${AUCTION_LOSS:B64}]", "[][]");
        check("${AUCTION_NOPE:B64}", "${AUCTION_NOPE:B64}");
    }

    #[test]
    fn a_text_without_macros_is_borrowed() {
        assert!(matches!(substituted("https://a/${X}", &VALUES), Cow::Borrowed(_)));
        assert!(matches!(substituted("${AUCTION_ID}", &VALUES), Cow::Owned(_)));
    }
}
