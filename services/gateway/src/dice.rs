//! Dice formulas: what they mean, and how they fall. Pure: where randomness comes from is the caller's to say.
//!
//! `NdS`, whole numbers, `+ - *`; after dice `khN klN dhN dlN` (keep or drop the highest or lowest), `!` (a highest face
//! brings another die), or after one d20 `adv`/`dis` (two, of which the higher or lower counts). Everything else is refused
//! with its place.

mod parse;
#[cfg(test)]
mod tests;

pub use protocol::event::roll::{Die, Rolled};

/// Dice in one formula, those that explosions bring included: past it an explosion brings no more.
pub const MAX_DICE: u32 = 100;
pub const MAX_SIDES: u32 = 1000;
/// Numbers in a formula.
const MAX_NUMBER: u32 = 1_000_000;
/// Characters of a formula.
pub const MAX_FORMULA: usize = 200;

/// A formula that was read: a sum of products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula {
    sum: Vec<Product>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Product {
    negative: bool,
    factors: Vec<Factor>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Factor {
    Number(u32),
    Dice(Dice),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dice {
    count: u32,
    sides: u32,
    keep: Option<Keep>,
    explode: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Highest(u32),
    Lowest(u32),
    DropHighest(u32),
    DropLowest(u32),
}

/// Why a text is no formula, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {message}", place + 1)]
pub struct BadFormula {
    /// Characters before the place.
    pub place: usize,
    pub message: &'static str,
}

impl Formula {
    /// # Errors
    /// The first place that is not of the grammar.
    pub fn parse(text: &str) -> Result<Self, BadFormula> {
        parse::formula(text)
    }

    /// Rolls. `die` gives 1 to its argument, each as likely as the others.
    ///
    /// # Errors
    /// Those of `die`.
    pub fn roll<E>(&self, mut die: impl FnMut(u32) -> Result<u32, E>) -> Result<Rolled, E> {
        let mut rolls = Vec::new();
        // Dice that are promised by the formula come before those of explosions.
        let mut spare = MAX_DICE - self.dice().map(|dice| dice.count).sum::<u32>();
        let mut total = 0;
        for product in &self.sum {
            let mut value = 1;
            for factor in &product.factors {
                value *= match factor {
                    Factor::Number(number) => i64::from(*number),
                    Factor::Dice(dice) => dice.roll(&mut die, &mut spare, &mut rolls)?,
                };
            }
            total += if product.negative { -value } else { value };
        }
        let kept: i64 = rolls.iter().filter(|die: &&Die| die.kept).map(|die| i64::from(die.result)).sum();
        Ok(Rolled { rolls, modifier: total - kept, total })
    }

    fn dice(&self) -> impl Iterator<Item = &Dice> {
        self.sum.iter().flat_map(|product| &product.factors).filter_map(|factor| match factor {
            Factor::Dice(dice) => Some(dice),
            Factor::Number(_) => None,
        })
    }
}

impl Dice {
    fn roll<E>(&self, die: &mut impl FnMut(u32) -> Result<u32, E>, spare: &mut u32, rolls: &mut Vec<Die>) -> Result<i64, E> {
        let mut results = Vec::new();
        let mut left = self.count;
        while left > 0 {
            left -= 1;
            let result = die(self.sides)?;
            results.push(result);
            if self.explode && result == self.sides && *spare > 0 {
                *spare -= 1;
                left += 1;
            }
        }
        let kept = self.kept(&results);
        let sum = results.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(result, _)| i64::from(*result)).sum();
        let name = format!("d{}", self.sides);
        rolls.extend(results.into_iter().zip(kept).map(|(result, kept)| Die { die: name.clone(), result, kept }));
        Ok(sum)
    }

    /// Which of the results count. Of equal ones the earlier is taken first.
    fn kept(&self, results: &[u32]) -> Vec<bool> {
        let Some(keep) = self.keep else { return vec![true; results.len()] };
        let mut order: Vec<usize> = (0..results.len()).collect();
        match keep {
            Keep::Highest(_) | Keep::DropHighest(_) => order.sort_by_key(|place| std::cmp::Reverse(results[*place])),
            Keep::Lowest(_) | Keep::DropLowest(_) => order.sort_by_key(|place| results[*place]),
        }
        let (taken, count) = match keep {
            Keep::Highest(count) | Keep::Lowest(count) => (true, count),
            Keep::DropHighest(count) | Keep::DropLowest(count) => (false, count),
        };
        let mut kept = vec![!taken; results.len()];
        for place in order.into_iter().take(count as usize) {
            kept[place] = taken;
        }
        kept
    }

    /// The most that it can come to.
    fn bound(&self) -> u64 {
        u64::from(if self.explode { MAX_DICE } else { self.count }) * u64::from(self.sides)
    }
}
