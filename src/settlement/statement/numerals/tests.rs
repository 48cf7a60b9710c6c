use proptest::prelude::*;

use super::{DIGITS, capital_numerals, in_capitals};
use crate::money::Fen;

#[allow(clippy::inconsistent_digit_grouping, reason = "grouped as yuan and fen")]
/// Written by hand: a zero in each place, runs of zeros within and across the groups of four, with and without 角 and 分.
const CASES: [(i64, &str); 96] = [
    // The rule's own.
    (1_409_50, "壹仟肆佰零玖元伍角整"),
    (16_409_02, "壹万陆仟肆佰零玖元零贰分"),
    (325_04, "叁佰贰拾伍元零肆分"),
    (1_680_32, "壹仟陆佰捌拾元叁角贰分"),
    (5, "伍分"),
    (0, "零元整"),
    (100_000_00, "壹拾万元整"),
    // Below one yuan.
    (1, "壹分"),
    (10, "壹角整"),
    (50, "伍角整"),
    (99, "玖角玖分"),
    (11, "壹角壹分"),
    // Units and tens; 壹拾, never 拾.
    (1_00, "壹元整"),
    (1_01, "壹元零壹分"),
    (1_10, "壹元壹角整"),
    (9_99, "玖元玖角玖分"),
    (10_00, "壹拾元整"),
    (10_05, "壹拾元零伍分"),
    (10_50, "壹拾元伍角整"),
    (11_00, "壹拾壹元整"),
    (20_02, "贰拾元零贰分"),
    (99_00, "玖拾玖元整"),
    // Hundreds.
    (100_00, "壹佰元整"),
    (100_01, "壹佰元零壹分"),
    (101_00, "壹佰零壹元整"),
    (101_10, "壹佰零壹元壹角整"),
    (110_00, "壹佰壹拾元整"),
    (110_11, "壹佰壹拾元壹角壹分"),
    (305_06, "叁佰零伍元零陆分"),
    // Thousands.
    (1_000_00, "壹仟元整"),
    (1_000_50, "壹仟元伍角整"),
    (1_000_05, "壹仟元零伍分"),
    (1_001_00, "壹仟零壹元整"),
    (1_010_00, "壹仟零壹拾元整"),
    (1_100_00, "壹仟壹佰元整"),
    (1_011_00, "壹仟零壹拾壹元整"),
    (1_101_00, "壹仟壹佰零壹元整"),
    (1_110_00, "壹仟壹佰壹拾元整"),
    (6_007_14, "陆仟零柒元壹角肆分"),
    (9_999_99, "玖仟玖佰玖拾玖元玖角玖分"),
    // 万.
    (10_000_00, "壹万元整"),
    (10_000_01, "壹万元零壹分"),
    (10_001_00, "壹万零壹元整"),
    (10_010_00, "壹万零壹拾元整"),
    (10_100_00, "壹万零壹佰元整"),
    (11_000_00, "壹万壹仟元整"),
    (10_101_01, "壹万零壹佰零壹元零壹分"),
    (20_050_30, "贰万零伍拾元叁角整"),
    (100_001_00, "壹拾万零壹元整"),
    (100_500_00, "壹拾万零伍佰元整"),
    (107_000_53, "壹拾万柒仟元伍角叁分"),
    (107_050_00, "壹拾万柒仟零伍拾元整"),
    (1_000_000_00, "壹佰万元整"),
    (1_010_000_00, "壹佰零壹万元整"),
    (1_000_001_00, "壹佰万零壹元整"),
    (1_001_000_00, "壹佰万壹仟元整"),
    (1_010_100_00, "壹佰零壹万零壹佰元整"),
    (10_000_000_00, "壹仟万元整"),
    (10_010_000_00, "壹仟零壹万元整"),
    (10_100_000_00, "壹仟零壹拾万元整"),
    (10_001_000_00, "壹仟万壹仟元整"),
    (10_000_100_09, "壹仟万零壹佰元零玖分"),
    (12_345_678_90, "壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角整"),
    (99_999_999_99, "玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    // 亿.
    (100_000_000_00, "壹亿元整"),
    (100_000_000_10, "壹亿元壹角整"),
    (100_000_001_00, "壹亿零壹元整"),
    (100_001_000_00, "壹亿零壹仟元整"),
    (100_005_000_00, "壹亿零伍仟元整"),
    (100_010_000_00, "壹亿零壹万元整"),
    (100_010_001_00, "壹亿零壹万零壹元整"),
    (100_100_000_00, "壹亿零壹拾万元整"),
    (101_000_000_00, "壹亿零壹佰万元整"),
    (110_000_000_00, "壹亿壹仟万元整"),
    (110_001_000_00, "壹亿壹仟万壹仟元整"),
    (110_000_001_00, "壹亿壹仟万零壹元整"),
    (1_000_000_000_00, "壹拾亿元整"),
    (1_050_000_000_00, "壹拾亿伍仟万元整"),
    (1_005_000_000_00, "壹拾亿零伍佰万元整"),
    (1_010_000_000_00, "壹拾亿壹仟万元整"),
    (10_100_000_000_00, "壹佰零壹亿元整"),
    (123_456_789_012_34, "壹仟贰佰叁拾肆亿伍仟陆佰柒拾捌万玖仟零壹拾贰元叁角肆分"),
    (100_000_000_000_00, "壹仟亿元整"),
    (999_999_999_999_99, "玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    // 万亿.
    (1_000_000_000_000_00, "壹万亿元整"),
    (1_000_000_000_000_01, "壹万亿元零壹分"),
    (1_000_000_000_001_00, "壹万亿零壹元整"),
    (1_000_100_000_000_00, "壹万零壹亿元整"),
    (1_000_000_010_000_00, "壹万亿零壹万元整"),
    (1_000_010_000_000_00, "壹万亿零壹仟万元整"),
    (1_010_000_000_000_00, "壹万零壹佰亿元整"),
    (1_100_000_000_000_00, "壹万壹仟亿元整"),
    (10_000_000_000_000_00, "壹拾万亿元整"),
    (12_030_000_450_000_60, "壹拾贰万零叁佰亿零肆拾伍万元陆角整"),
    // A credit.
    (-5, "负伍分"),
    (-1_409_50, "负壹仟肆佰零玖元伍角整"),
];

#[test]
fn r_statement_capital_numerals() {
    for (fen, text) in CASES {
        assert_eq!(capital_numerals(Fen(fen)), text, "{}", Fen(fen));
        assert_eq!(in_capitals(Fen(fen)), format!("人民币{text}"));
    }
}

/// Reads numerals back without knowing how they are written: each unit multiplies what stands before it.
fn read(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('负') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut total, mut group, mut digit, mut fen) = (0_i64, 0_i64, 0_i64, 0_i64);
    let mut ten_thousands = 0_i64;
    for character in text.chars() {
        if let Some(value) = DIGITS.iter().position(|it| *it == character) {
            digit = i64::try_from(value).ok()?;
            continue;
        }
        match character {
            '拾' => group += digit * 10,
            '佰' => group += digit * 100,
            '仟' => group += digit * 1_000,
            '万' => (ten_thousands, group) = ((group + digit) * 10_000, 0),
            '亿' => (total, ten_thousands, group) = ((total + ten_thousands + group + digit) * 100_000_000, 0, 0),
            '元' => (fen, total) = ((total + ten_thousands + group + digit) * 100, 0),
            '角' => fen += digit * 10,
            '分' => fen += digit,
            '整' => {}
            _ => return None,
        }
        digit = 0;
    }
    (total == 0).then_some(if negative { -fen } else { fen })
}

/// Whether 零 is due between two digits next to each other among those that are not zero, said by places (分 is 0, 角 1, 元 2): some
/// place between them is of the lower one's group of four, or a whole group is empty.
fn zero_is_due(higher: usize, lower: usize) -> bool {
    let group = |place: usize| (place >= 2).then(|| (place - 2) / 4);
    match (group(higher), group(lower)) {
        (Some(high), Some(low)) if high == low => higher - lower > 1,
        (Some(high), Some(low)) => high - low > 1 || (lower - 2) % 4 != 3,
        (Some(_), None) => lower == 0,
        _ => false,
    }
}

proptest! {
    #[test]
    fn r_statement_capital_numerals_read_back(
        fen in prop_oneof![0..=100_000_i64, 0..=1_000_000_000_000_000_00_i64],
        mask in 0..1_u32 << 18,
        negative: bool,
    ) {
        // Most random numbers have few zeros: some digits are struck out.
        let struck = (0..18).filter(|place| mask & (1 << place) != 0);
        let fen = struck.fold(fen, |fen, place| fen - fen / 10_i64.pow(place) % 10 * 10_i64.pow(place));
        let text = capital_numerals(Fen(if negative { -fen } else { fen }));
        prop_assert_eq!(read(&text), Some(if negative { -fen } else { fen }), "{}", text);
        prop_assert_eq!(text.ends_with('整'), fen % 10 == 0, "{}", text);

        let places: Vec<_> = (0..18).rev().filter(|place| fen / 10_i64.pow(*place) % 10 != 0).collect();
        let due = places.windows(2).filter(|pair| zero_is_due(pair[0] as usize, pair[1] as usize)).count();
        prop_assert_eq!(text.matches('零').count(), if fen == 0 { 1 } else { due }, "{}", text);
        for wrong in ["零零", "零元角", "零万", "零亿", "零角", "零分", "零整", "亿万"] {
            prop_assert!(!text.contains(wrong), "{}", text);
        }
    }

    #[test]
    fn every_amount_has_numerals(fen: i64) {
        prop_assert!(!capital_numerals(Fen(fen)).is_empty());
    }
}
