//! Numbers are printed as ECMAScript prints them: held against another way to the shortest digits.

use game_state::{Limits, Value};

use crate::generate::Random;

/// Number::toString of ECMA-262, on the digits and exponent of the standard library's shortest form.
fn ecmascript(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let shortest = format!("{:e}", number.abs());
    let digits = shortest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    // Of two shortest decimals that are equally near, ECMAScript takes the even one; so does rounding to that many digits.
    let scientific = format!("{:.*e}", digits - 1, number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap();
    let digits = mantissa.replace('.', "");
    let (k, n) = (digits.len() as i32, exponent.parse::<i32>().unwrap() + 1);
    let sign = if number < 0.0 { "-" } else { "" };
    let body = if k <= n && n <= 21 {
        digits + &"0".repeat((n - k) as usize)
    } else if 0 < n && n <= 21 {
        format!("{}.{}", &digits[..n as usize], &digits[n as usize..])
    } else if -6 < n && n <= 0 {
        format!("0.{}{digits}", "0".repeat(-n as usize))
    } else {
        let fraction = if k > 1 { format!(".{}", &digits[1..]) } else { String::new() };
        format!("{}{fraction}e{}{}", &digits[..1], if n > 0 { "+" } else { "-" }, (n - 1).abs())
    };
    format!("{sign}{body}")
}

fn check(number: f64) {
    let printed = Value::Number(number).to_json();
    assert_eq!(printed, ecmascript(number), "{:#x}", number.to_bits());
    let read = Value::parse(&printed, &Limits::default());
    assert_eq!(read, Ok(Value::Number(number + 0.0)), "what is printed can be read again: {printed}");
}

#[test]
fn a_million_random_doubles_are_printed_like_ecmascript_does() {
    let mut random = Random(0x5eed);
    let mut checked = 0;
    while checked < 1_000_000 {
        let number = match checked % 4 {
            // Any bits; decimals as people write them; around the borders of integers; everyday sizes.
            0 => f64::from_bits(random.next()),
            1 => (random.next() % 10_000_000) as f64 / 10_f64.powi(random.below(12) as i32),
            2 => (2_f64.powi(random.below(80) as i32) + random.below(9) as f64 - 4.0) * if random.one_in(2) { -1.0 } else { 1.0 },
            _ => random.next() as f64 / u64::MAX as f64 * 1000.0,
        };
        if number.is_finite() {
            check(number);
            checked += 1;
        }
    }
}

#[test]
fn the_borders_of_the_notation_are_printed_like_ecmascript_does() {
    for exponent in -324..=308 {
        let power: f64 = format!("1e{exponent}").parse().unwrap();
        for number in [power, power.next_up(), power.next_down(), power * 9.5, -power] {
            if number.is_finite() {
                check(number);
            }
        }
    }
    for number in [0.0, -0.0, f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1), 9_007_199_254_740_992.0, 9_007_199_254_740_994.0] {
        check(number);
    }
}
