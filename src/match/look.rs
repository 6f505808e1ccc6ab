//! After how many planes should a row ask which lanes are left?
//!
//! A pair is settled once so many bits of one side have been met by zeros of the other that what is left can't
//! reach the threshold: once its *losses* exceed its *slack*. Early looks find lanes that must then be counted one
//! by one; late ones have counted for nothing. Losses of pairs that have nothing to do with each other are nearly
//! normal, with a mean and deviation that a sample tells for every number of planes and popcount. From that follows, for
//! each slack, what each number of planes would cost. The choice changes the speed, never the result.
//!
//! What it gave on a Cascade Lake, popcount 400 ± 60 at 0.8, best of several turns, where before the deviation took in what popcounts
//! explain: 12 500 × 12 500 rows in one pair of tiles 76 → 60 ms, in 25 pairs 162 → 91 ms; FEBRL4, whose popcounts
//! differ little, 25 → 24 ms. Finer plans for 8192 bits (1024 slacks, 256 numbers of planes) gain 4 % there and lose 1 to 2 % at 1024
//! bits. `SURVIVOR` makes little difference from 60 to 300. A plan for each of some strata of
//! either tile instead came near (4.6 → 3.8 s for 100 000 × 100 000; this: 3.4 s), until their samples cost more than they saved.

use super::kernel::{NUMBERS_COST, PLANES_STEP, popcount};
use super::tile::Tile;

/// Rows sampled per side.
const SAMPLE: usize = 32;
/// Fewer pairs than this are not worth a sample.
const WORTH_A_SAMPLE: usize = 1 << 18;
/// Numbers of planes that are looked at: about so many.
const CHOICES: usize = 64;
/// Slacks and popcounts that are told apart at most, of encodings of any size.
const SLACKS: usize = 256;
const POPCOUNTS: usize = 64;
/// What a lane costs that must be counted alone, looked up and packed, in planes that could be added meanwhile.
const SURVIVOR: f64 = 150.0;

/// When rows look, by their slack and the popcount that they meet.
pub(super) struct LookPlan {
    /// Without one: after all planes.
    curve: Option<Curve>,
    /// What has been worked out, by popcount in steps of 2^`popcount_shift`, then slack in steps of 2^`slack_shift`; 0: not yet.
    planes: Vec<u16>,
    popcount_shift: u32,
    slack_shift: u32,
    /// Places in `planes` for one popcount.
    slacks: usize,
    /// Numbers of planes that come into question are multiples of it.
    step: usize,
    /// Lanes that are asked at once.
    lanes: f64,
    /// What a lane costs that is counted alone, in planes.
    lane: f64,
}

impl LookPlan {
    /// For rows of one tile against groups of another. Losses are bits that are set in the row and not in the column;
    /// `inverted`: the other way round.
    pub(super) fn new(rows: &Tile, columns: &Tile, inverted: bool) -> Self {
        let worth_it = rows.len().saturating_mul(columns.len()) >= WORTH_A_SAMPLE;
        let curve = worth_it.then(|| Curve::of_sample(rows, columns, inverted));
        let bits = rows.size().bits();
        let [slack_shift, popcount_shift] =
            [SLACKS, POPCOUNTS].map(|most| bits.div_ceil(most).next_power_of_two().ilog2());
        let slacks = (bits >> slack_shift) + 1;
        let places = if worth_it { slacks * ((bits >> popcount_shift) + 1) } else { 0 };
        let all = curve.as_ref().map_or(0, |curve| curve.planes() as usize);
        Self {
            curve,
            planes: vec![0; places],
            popcount_shift,
            slack_shift,
            slacks,
            step: (all / CHOICES).next_multiple_of(PLANES_STEP).max(PLANES_STEP),
            lanes: columns.rows_per_group() as f64,
            lane: SURVIVOR + rows.size().words() as f64,
        }
    }

    /// The number of planes after which to look, given how many losses a pair can bear and the columns' popcount, about:
    /// whole steps.
    #[inline]
    pub(super) fn planes(&mut self, slack: u32, popcount: u32) -> usize {
        let Some(curve) = &self.curve else { return usize::MAX };
        let (slack, popcount) = (slack >> self.slack_shift, popcount >> self.popcount_shift);
        let at = popcount as usize * self.slacks + slack as usize;
        if self.planes[at] == 0 {
            let middle = |number: u32, shift: u32| (f64::from(number) + 0.5) * f64::from(1 << shift) - 0.5;
            let (slack, popcount) = (middle(slack, self.slack_shift), middle(popcount, self.popcount_shift));
            self.planes[at] = self.cheapest(curve, slack, popcount);
        }
        usize::from(self.planes[at])
    }

    fn cheapest(&self, curve: &Curve, slack: f64, popcount: f64) -> u16 {
        let all = curve.planes();
        let mut best = (f64::INFINITY, u16::MAX as usize);
        // Before so many have been counted that a pair loses as many as it can bear, most lanes are left.
        let first = ((slack / curve.greatest_rate(popcount)) as usize).min(all as usize) / self.step;
        for planes in (first.max(1)..).map(|n| n * self.step) {
            let counted = planes as f64;
            if counted > best.0 || counted >= all + self.step as f64 {
                break;
            }
            let left = self.lanes * curve.share_within(slack, counted, popcount);
            let rest = (all - counted).max(0.0) + NUMBERS_COST as f64 * left.min(1.0);
            let cost = counted + (left * self.lane).min(rest);
            if cost < best.0 {
                best = (cost, planes);
            }
        }
        best.1 as u16
    }
}

/// Losses by number of planes and popcount of the column.
///
/// The more ones a column has the fewer planes it loses, or the more with zeros counted. A tile has columns of many popcounts, a
/// group of nearly one: what is left to chance then varies half as much.
struct Curve {
    /// At the ends of words.
    points: Vec<Point>,
    /// Mean popcount of the columns.
    popcount: f64,
    /// Share of pairs to expect however many planes are counted: pairs that belong together.
    alike: f64,
}

#[derive(Clone, Copy)]
struct Point {
    /// Mean number of planes.
    planes: f64,
    /// Losses per plane of columns of mean popcount.
    rate: f64,
    /// By how much that grows with each bit more.
    slope: f64,
    /// Variance of the losses of columns of one popcount.
    variance: f64,
}

impl Curve {
    fn of_sample(rows: &Tile, columns: &Tile, inverted: bool) -> Self {
        let words = rows.size().words();
        let [of_rows, of_columns] = [rows, columns].map(|tile| SAMPLE.min(tile.len()));
        let mut sums = vec![Sums::default(); words];
        let (mut popcounts, mut squares) = (0.0, 0.0);
        for i in 0..of_rows {
            let row = rows.row((2 * i + 1) * rows.len() / (2 * of_rows));
            // Shifted from row to row, so that the sample is not a few columns only.
            let places =
                (0..of_columns).map(|j| ((2 * j + 1) * columns.len() / (2 * of_columns) + i) % columns.len());
            let mut losses = vec![Losses::default(); words];
            for place in places {
                let popcount = columns.popcounts()[place];
                popcounts += f64::from(popcount);
                squares += f64::from(popcount).powi(2);
                popcount::count_losses(row, columns.row(place), inverted, |word, lost| {
                    losses[word].add(lost, popcount);
                });
            }
            let mut planes = 0;
            for ((word, sums), losses) in row.iter().zip(&mut sums).zip(&losses) {
                planes += if inverted { word.count_zeros() } else { word.count_ones() };
                sums.add(planes, losses);
            }
        }
        let pairs = (of_rows * of_columns) as f64;
        let popcount = popcounts / pairs;
        let spread = squares / pairs - popcount * popcount;
        let point = |sums: &Sums| sums.point(of_rows as f64, pairs, popcount, spread);
        let none = sums.first().map(|first| Point { planes: 0.0, variance: 0.0, ..point(first) });
        Self {
            points: none.into_iter().chain(sums.iter().map(point)).collect(),
            popcount,
            alike: 0.5 / pairs,
        }
    }

    /// The mean number of planes of a row.
    fn planes(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.planes)
    }

    /// Losses per plane of columns of this popcount.
    fn rate(&self, rate: f64, slope: f64, popcount: f64) -> f64 {
        (rate + slope * (popcount - self.popcount)).clamp(1e-3, 1.0)
    }

    fn greatest_rate(&self, popcount: f64) -> f64 {
        self.points.iter().map(|point| self.rate(point.rate, point.slope, popcount)).fold(0.0, f64::max)
    }

    /// The expected share of pairs that have at most so many losses after so many planes.
    fn share_within(&self, slack: f64, planes: f64, popcount: f64) -> f64 {
        let after =
            self.points.partition_point(|point| point.planes < planes).clamp(1, self.points.len() - 1);
        let (from, to) = (self.points[after - 1], self.points[after]);
        let part = ((planes - from.planes) / (to.planes - from.planes).max(1.0)).clamp(0.0, 1.0);
        let between = |from: f64, to: f64| from + part * (to - from);
        let rate = self.rate(between(from.rate, to.rate), between(from.slope, to.slope), popcount);
        let mean = planes.min(self.planes()) * rate;
        let deviation = between(from.variance, to.variance).sqrt().max(0.5);
        (self.alike + normal_below((slack + 0.5 - mean) / deviation)).min(1.0)
    }
}

/// Sums over the columns that a row was compared with, by the end of a word.
#[derive(Clone, Copy, Default)]
struct Losses {
    losses: u64,
    squares: u64,
    /// Of products with the column's popcount.
    by_popcount: u64,
}

impl Losses {
    #[inline]
    fn add(&mut self, losses: u32, popcount: u16) {
        let losses = u64::from(losses);
        self.losses += losses;
        self.squares += losses * losses;
        self.by_popcount += losses * u64::from(popcount);
    }
}

/// Sums over all rows: of losses per plane, as rows have different numbers of them.
#[derive(Clone, Copy, Default)]
struct Sums {
    planes: f64,
    rates: f64,
    squares: f64,
    by_popcount: f64,
}

impl Sums {
    fn add(&mut self, planes: u32, losses: &Losses) {
        let each = 1.0 / f64::from(planes.max(1));
        self.planes += f64::from(planes);
        self.rates += losses.losses as f64 * each;
        self.squares += losses.squares as f64 * each * each;
        self.by_popcount += losses.by_popcount as f64 * each;
    }

    /// A line of least squares through the rates by popcount, whose variance is `spread`, and the variance about it.
    fn point(&self, rows: f64, pairs: f64, popcount: f64, spread: f64) -> Point {
        let (planes, rate) = (self.planes / rows, self.rates / pairs);
        let covariance = self.by_popcount / pairs - rate * popcount;
        let slope = if spread >= 1.0 { covariance / spread } else { 0.0 };
        let variance = (self.squares / pairs - rate * rate - slope * covariance).max(0.0);
        Point { planes, rate, slope, variance: planes * planes * variance }
    }
}

/// The share of a standard normal distribution below `x`: Abramowitz and Stegun, 26.2.17, to 10⁻⁷.
fn normal_below(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let series = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let above = series.iter().fold(0.0, |sum, c| (sum + c) * t) * (-x * x / 2.0).exp()
        / (2.0 * std::f64::consts::PI).sqrt();
    if x > 0.0 { 1.0 - above } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::encoding::{EncodingSize, Encodings};
    use crate::matching::kernel::Kernel;
    use crate::matching::order::BitOrder;

    /// Rows of 1024 bits, whose popcounts go from `least` to `most`, all bits alike.
    fn tile(rows: usize, least: usize, most: usize, salt: u64) -> Tile {
        let mut random = salt;
        let mut next = || {
            random = random.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0x9E37_79B9_7F4A_7C15);
            (random >> 33) as usize
        };
        let mut bytes = vec![0_u8; rows * 128];
        for (number, row) in bytes.chunks_exact_mut(128).enumerate() {
            let mut left = least + (most - least) * number / rows;
            while left > 0 {
                let bit = next() % 1024;
                left -= usize::from(row[bit / 8] >> (bit % 8) & 1 == 0);
                row[bit / 8] |= 1 << (bit % 8);
            }
        }
        let encodings = Encodings::from_bytes(EncodingSize::new(128).unwrap(), bytes).unwrap();
        Tile::prepare(Kernel::detect(), &encodings, 0..rows as u32, &BitOrder::identity())
    }

    #[test]
    fn losses_of_even_bits_are_hypergeometric() {
        let (rows, columns) = (tile(600, 300, 500, 1), tile(600, 250, 550, 2));
        for inverted in [false, true] {
            let curve = Curve::of_sample(&rows, &columns, inverted);
            assert!((curve.planes() - if inverted { 624.0 } else { 400.0 }).abs() < 10.0);
            for popcount in [300.0, 400.0, 500.0] {
                let share = popcount / 1024.0;
                let rate = if inverted { share } else { 1.0 - share };
                for planes in [100.0_f64, 200.0, 300.0] {
                    let mean = planes * rate;
                    let deviation = (mean * (1.0 - rate) * (1024.0 - planes) / 1023.0).sqrt();
                    for (sigmas, wanted) in [(-1.0, 0.159), (0.0, 0.5), (1.0, 0.841)] {
                        let found = curve.share_within(mean + sigmas * deviation - 0.5, planes, popcount)
                            - curve.alike;
                        assert!((found - wanted).abs() < 0.1, "{popcount}, {planes}, {sigmas}: {found}");
                    }
                }
            }
        }
    }

    #[test]
    fn who_can_bear_more_looks_later() {
        let (rows, columns) = (tile(600, 300, 500, 1), tile(600, 250, 550, 2));
        let mut plan = LookPlan::new(&rows, &columns, false);
        for popcount in [300, 400, 500] {
            let planes: Vec<usize> = (0..=120).map(|slack| plan.planes(slack, popcount)).collect();
            assert!(planes.is_sorted(), "{planes:?}");
            assert!(planes[0] >= PLANES_STEP && planes[0] < planes[120], "{planes:?}");
            assert!(planes.iter().all(|planes| planes % PLANES_STEP == 0 && *planes < 400 + PLANES_STEP));
        }
    }

    #[test]
    fn shares_of_the_normal_distribution() {
        for (x, share) in [(0.0, 0.5), (1.0, 0.841_344_7), (-1.0, 0.158_655_3), (-3.0, 0.001_349_9)] {
            assert!((normal_below(x) - share).abs() < 1e-6, "{x}");
        }
    }
}
