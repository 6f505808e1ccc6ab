//! After how many planes should a row ask which lanes are left?
//!
//! A pair is settled once so many bits of one side have been met by zeros of the other that what is left can't
//! reach the threshold: once its *losses* exceed its *slack*. Early looks find lanes that must then be counted one
//! by one; late ones have counted for nothing. Losses of pairs that have nothing to do with each other are nearly
//! normal, with a mean and deviation that a sample tells for every number of planes. From that follows, for each
//! slack, what each number of planes would cost. The choice changes the speed, never the result.

use super::kernel::{NUMBERS_COST, PLANES_STEP, lane_cost};
use super::tile::Tile;

/// Rows sampled per side.
const SAMPLE: usize = 48;
/// Fewer pairs than this are not worth a sample.
const WORTH_A_SAMPLE: usize = 1 << 18;
/// Slacks and numbers of planes that are looked at: about so many.
const CHOICES: usize = 64;

/// When rows look, by their slack.
pub(super) struct LookPlan {
    /// Without one: after all planes.
    curve: Option<Curve>,
    /// What has been worked out, by slack in steps of `slack_step`; 0: not yet.
    planes: Vec<u16>,
    slack_step: usize,
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
        let slack_step = (bits / CHOICES / 4).max(1);
        let all = curve.as_ref().map_or(0, |curve| curve.planes() as usize);
        Self {
            curve,
            planes: vec![0; bits / slack_step + 1],
            slack_step,
            step: (all / CHOICES).next_multiple_of(PLANES_STEP).max(PLANES_STEP),
            lanes: columns.rows_per_group() as f64,
            lane: lane_cost(rows.size().words()) as f64,
        }
    }

    /// The number of planes after which to look, given how many losses a pair can bear: whole steps.
    #[inline]
    pub(super) fn planes(&mut self, slack: u32) -> usize {
        let Some(curve) = &self.curve else { return usize::MAX };
        let at = slack as usize / self.slack_step;
        if self.planes[at] == 0 {
            self.planes[at] = self.cheapest(curve, (at * self.slack_step) as f64);
        }
        usize::from(self.planes[at])
    }

    fn cheapest(&self, curve: &Curve, slack: f64) -> u16 {
        let all = curve.planes();
        let cost = |planes: usize| {
            let left = self.lanes * curve.share_within(slack, planes as f64);
            let rest = (all - planes as f64).max(0.0) + NUMBERS_COST as f64 * left.min(1.0);
            planes as f64 + (left * self.lane).min(rest)
        };
        let choices =
            (1..).map(|n| n * self.step).take_while(|&planes| (planes as f64) < all + self.step as f64);
        let costs = choices.map(|planes| (cost(planes), planes));
        let best = costs.min_by(|(x, _), (y, _)| x.total_cmp(y));
        best.map_or(u16::MAX, |(_, planes)| planes as u16)
    }
}

/// Losses by number of planes, at the ends of words.
struct Curve {
    /// Mean number of planes, mean and deviation of losses.
    points: Vec<(f64, f64, f64)>,
    /// Share of pairs to expect however many planes are counted: pairs that belong together.
    alike: f64,
}

impl Curve {
    fn of_sample(rows: &Tile, columns: &Tile, inverted: bool) -> Self {
        let words = rows.size().words();
        let mut sums = vec![(0.0, 0.0, 0.0); words + 1];
        let [of_rows, of_columns] = [rows, columns].map(|tile| SAMPLE.min(tile.len()));
        for i in 0..of_rows {
            let row = rows.row((2 * i + 1) * rows.len() / (2 * of_rows));
            for j in 0..of_columns {
                // Shifted from row to row, so that the sample is not a few columns only.
                let j = (2 * j + 1) * columns.len() / (2 * of_columns) + i;
                let column = columns.row(j % columns.len());
                let (mut planes, mut losses) = (0, 0);
                for ((x, y), sum) in row.iter().zip(column).zip(&mut sums[1..]) {
                    let (wanted, lost) = if inverted { (!x, !x & y) } else { (*x, x & !y) };
                    planes += wanted.count_ones();
                    losses += lost.count_ones();
                    sum.0 += f64::from(planes);
                    sum.1 += f64::from(losses);
                    sum.2 += f64::from(losses).powi(2);
                }
            }
        }
        let pairs = (of_rows * of_columns) as f64;
        let points = sums
            .into_iter()
            .map(|(planes, losses, squares)| {
                let mean = losses / pairs;
                (planes / pairs, mean, (squares / pairs - mean * mean).max(0.0).sqrt())
            })
            .collect();
        Self { points, alike: 0.5 / pairs }
    }

    /// The mean number of planes of a row.
    fn planes(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.0)
    }

    /// The expected share of pairs that have at most so many losses after so many planes.
    fn share_within(&self, slack: f64, planes: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 < planes).clamp(1, self.points.len() - 1);
        let ((n0, mean0, deviation0), (n1, mean1, deviation1)) = (self.points[after - 1], self.points[after]);
        let part = ((planes - n0) / (n1 - n0).max(1.0)).clamp(0.0, 1.0);
        let mean = mean0 + part * (mean1 - mean0);
        let deviation = (deviation0 + part * (deviation1 - deviation0)).max(0.5);
        (self.alike + normal_below((slack + 0.5 - mean) / deviation)).min(1.0)
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

    #[test]
    fn shares_of_the_normal_distribution() {
        for (x, share) in [(0.0, 0.5), (1.0, 0.841_344_7), (-1.0, 0.158_655_3), (-3.0, 0.001_349_9)] {
            assert!((normal_below(x) - share).abs() < 1e-6, "{x}");
        }
    }
}
