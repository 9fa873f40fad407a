//! Reading a formula.

use super::{BadFormula, Dice, Factor, Formula, Keep, MAX_DICE, MAX_FORMULA, MAX_NUMBER, MAX_SIDES, Product};

/// Totals stay exact in every client's numbers.
const MAX_TOTAL: u64 = (1 << 53) - 1;

pub(super) fn formula(text: &str) -> Result<Formula, BadFormula> {
    let chars: Vec<char> = text.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut parser = Parser { chars, place: 0, dice: 0 };
    if parser.chars.len() > MAX_FORMULA {
        return Err(BadFormula { place: MAX_FORMULA, message: "the formula is too long" });
    }
    let (mut sum, mut negative, mut bound) = (Vec::new(), false, 0_u64);
    loop {
        let begin = parser.place;
        let (product, most) = parser.product(negative)?;
        sum.push(product);
        bound = bound.saturating_add(most);
        if bound > MAX_TOTAL {
            return Err(BadFormula { place: begin, message: "the total could become too large" });
        }
        negative = match parser.next() {
            None => return Ok(Formula { sum }),
            Some('+') => false,
            Some('-') => true,
            Some(_) => return Err(parser.bad_before("+, - or * is expected")),
        };
    }
}

struct Parser {
    chars: Vec<char>,
    place: usize,
    dice: u32,
}

impl Parser {
    fn product(&mut self, negative: bool) -> Result<(Product, u64), BadFormula> {
        let mut factors = Vec::new();
        let mut most = 1_u64;
        loop {
            let factor = self.factor()?;
            most = most.saturating_mul(match &factor {
                Factor::Number(number) => u64::from(*number).max(1),
                Factor::Dice(dice) => dice.bound(),
            });
            factors.push(factor);
            if !self.takes("*") {
                return Ok((Product { negative, factors }, most));
            }
        }
    }

    fn factor(&mut self) -> Result<Factor, BadFormula> {
        self.skip_spaces();
        let begin = self.place;
        let number = self.number(MAX_NUMBER)?;
        if !self.takes_here("d") {
            return number.map(Factor::Number).ok_or_else(|| self.bad("dice or a number are expected"));
        }
        let count = number.unwrap_or(1);
        let sides_at = self.place;
        let sides = self.number(MAX_SIDES)?.ok_or_else(|| self.bad("the number of sides is expected"))?;
        if sides == 0 {
            return Err(BadFormula { place: sides_at, message: "a die has at least one side" });
        }
        let mut dice = Dice { count, sides, keep: None, explode: false };
        self.suffixes(&mut dice)?;
        self.dice = self.dice.saturating_add(dice.count);
        if count == 0 || self.dice > MAX_DICE {
            return Err(BadFormula { place: begin, message: "1 to 100 dice in all may be rolled" });
        }
        Ok(Factor::Dice(dice))
    }

    fn suffixes(&mut self, dice: &mut Dice) -> Result<(), BadFormula> {
        loop {
            self.skip_spaces();
            let begin = self.place;
            let misplaced = BadFormula { place: begin, message: "this does not go with these dice" };
            if self.takes_here("!") {
                if dice.explode || dice.keep.is_some() {
                    return Err(misplaced);
                }
                dice.explode = true;
            } else if self.takes_here("adv") || self.takes_here("dis") {
                if *dice != (Dice { count: 1, sides: 20, keep: None, explode: false }) {
                    return Err(misplaced);
                }
                let keep = if self.chars[begin] == 'a' { Keep::Highest(1) } else { Keep::Lowest(1) };
                *dice = Dice { count: 2, keep: Some(keep), ..*dice };
                return Ok(());
            } else if let Some(keep) = self.keep() {
                let count = self.number(MAX_DICE)?.ok_or_else(|| self.bad("a number of dice is expected"))?;
                if dice.keep.is_some() || count == 0 || count > dice.count {
                    return Err(misplaced);
                }
                dice.keep = Some(keep(count));
            } else {
                return Ok(());
            }
        }
    }

    fn keep(&mut self) -> Option<fn(u32) -> Keep> {
        if self.takes_here("kh") {
            Some(Keep::Highest)
        } else if self.takes_here("kl") {
            Some(Keep::Lowest)
        } else if self.takes_here("dh") {
            Some(Keep::DropHighest)
        } else if self.takes_here("dl") {
            Some(Keep::DropLowest)
        } else {
            None
        }
    }

    fn number(&mut self, most: u32) -> Result<Option<u32>, BadFormula> {
        let begin = self.place;
        let mut number = None;
        while let Some(digit) = self.chars.get(self.place).and_then(|c| c.to_digit(10)) {
            let value = number.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit);
            if value > most {
                return Err(BadFormula { place: begin, message: "the number is too large" });
            }
            number = Some(value);
            self.place += 1;
        }
        Ok(number)
    }

    fn skip_spaces(&mut self) {
        while self.chars.get(self.place) == Some(&' ') {
            self.place += 1;
        }
    }

    fn next(&mut self) -> Option<char> {
        self.skip_spaces();
        let next = self.chars.get(self.place).copied();
        self.place += usize::from(next.is_some());
        next
    }

    fn takes(&mut self, word: &str) -> bool {
        self.skip_spaces();
        self.takes_here(word)
    }

    fn takes_here(&mut self, word: &str) -> bool {
        let here = self.chars[self.place..].iter().copied().take(word.len()).eq(word.chars());
        if here {
            self.place += word.len();
        }
        here
    }

    fn bad(&self, message: &'static str) -> BadFormula {
        BadFormula { place: self.place, message }
    }

    fn bad_before(&self, message: &'static str) -> BadFormula {
        BadFormula { place: self.place - 1, message }
    }
}
