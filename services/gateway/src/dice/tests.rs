use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// Rolls these results in turn.
fn rolled(formula: &str, results: &[u32]) -> Rolled {
    let mut results = results.iter();
    Formula::parse(formula).unwrap().roll(|_| Ok::<_, Infallible>(*results.next().unwrap())).unwrap()
}

#[test]
fn formulas_mean_what_players_expect() {
    for (formula, results, total, modifier) in [
        ("1d20+5", &[12][..], 17, 5),
        ("d6", &[4], 4, 0),
        ("2d6 + 1d4 - 1", &[3, 4, 2], 8, -1),
        ("2d6*2", &[3, 4], 14, 7),
        ("2 + 3*4", &[], 14, 14),
        ("4d6kh3", &[1, 5, 3, 6], 14, 0),
        ("4d6dl1", &[1, 5, 3, 6], 14, 0),
        ("2d20KL1", &[7, 19], 7, 0),
        ("3d6dh2", &[2, 6, 4], 2, 0),
        ("1d20adv+2", &[3, 15], 17, 2),
        ("1d20 dis", &[3, 15], 3, 0),
        ("1d6!", &[6, 6, 2], 14, 0),
        ("2d6!kh1", &[6, 1, 3], 6, 0),
    ] {
        let rolled = rolled(formula, results);
        assert_eq!((rolled.total, rolled.modifier, rolled.rolls.len()), (total, modifier, results.len()), "{formula}");
    }
}

#[test]
fn everything_else_is_refused_with_its_place() {
    for (formula, place) in [
        ("", 0),
        ("abc", 0),
        ("1d", 2),
        ("1d0", 2),
        ("0d6", 0),
        ("101d6", 0),
        ("60d6+60d6", 5),
        ("1d20+", 5),
        ("1d20 5", 5),
        ("(1d6)", 0),
        ("1d6kh2", 3),
        ("2d6kh", 5),
        ("2d6kh1kl1", 6),
        ("1d6adv", 3),
        ("2d20dis", 4),
        ("1d6!!", 4),
        ("1d1001", 2),
        ("9999999", 0),
        ("1d6/2", 3),
        ("1d6;2", 3),
        ("-1", 0),
        ("1.5", 1),
        ("1000000*1000000*1000000", 0),
    ] {
        assert_eq!(Formula::parse(formula).map_err(|bad| bad.place), Err(place), "{formula}");
    }
    assert_eq!(Formula::parse(&"1+".repeat(200)).unwrap_err().place, MAX_FORMULA);
}

#[test]
fn explosions_end_at_a_hundred_dice() {
    let always_highest = |formula: &str| Formula::parse(formula).unwrap().roll(Ok::<_, Infallible>).unwrap();
    assert_eq!(always_highest("1d6!").rolls.len(), 100);
    assert_eq!(always_highest("1d6!+90d4").rolls.len(), 100);
    assert_eq!(always_highest("1d1!").total, 100);
}

fn formulas() -> impl Strategy<Value = String> {
    let dice = (1_u32..8, 1_u32..30, prop_oneof!["", "!", "kh1", "kl1", "dh1", "dl1"]).prop_map(|(n, s, end)| format!("{n}d{s}{end}"));
    let factor = prop_oneof![3 => dice, 1 => (0_u32..1000).prop_map(|n| n.to_string()), 1 => Just("d20adv".to_owned())];
    prop::collection::vec((factor, prop_oneof![Just("+"), Just("-"), Just(" * ")]), 1..4)
        .prop_map(|terms| terms.iter().map(|(factor, operator)| format!("{factor}{operator}")).collect::<String>() + "1")
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,40}") {
        let _ = Formula::parse(&text);
    }

    #[test]
    fn a_text_of_the_formulas_letters_is_read_or_refused_inside_it(text in "[0-9dkhladvis!+* -]{0,24}") {
        match Formula::parse(&text) {
            Err(bad) => prop_assert!(bad.place <= text.chars().count()),
            Ok(formula) => {
                let rolled = formula.roll(Ok::<_, Infallible>).unwrap();
                prop_assert!(rolled.rolls.len() <= MAX_DICE as usize);
            }
        }
    }

    #[test]
    fn results_are_of_their_dice_and_the_total_is_what_counts_and_the_modifier(formula in formulas(), seed: u64) {
        let mut state = seed;
        let rolled = Formula::parse(&formula).unwrap().roll(|sides| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Ok::<_, Infallible>((state >> 33) as u32 % sides + 1)
        }).unwrap();
        prop_assert!(rolled.rolls.len() <= MAX_DICE as usize);
        for die in &rolled.rolls {
            let sides: u32 = die.die.trim_start_matches('d').parse().unwrap();
            prop_assert!((1..=sides).contains(&die.result));
        }
        let kept: i64 = rolled.rolls.iter().filter(|die| die.kept).map(|die| i64::from(die.result)).sum();
        prop_assert_eq!(rolled.total, kept + rolled.modifier);
    }
}
