//! Fractions: the Farey sequence, and the simplest fraction of an interval.

/// The fractions p/q in lowest terms with 1 ≤ p ≤ q ≤ `order`, from 1/1 down: the Farey sequence, by its
/// next-term rule. `order` is at least 2.
pub(super) fn descending_fractions(order: u32) -> impl Iterator<Item = (u32, u32)> {
    let start = ((1, 1), (order - 1, order));
    std::iter::successors(Some(start), move |&((p0, q0), (p1, q1))| {
        let k = (order + q0) / q1;
        (p1 > 0).then(|| ((p1, q1), ((k * p1).saturating_sub(p0), k * q1 - q0)))
    })
    .map(|(current, _)| current)
    .take_while(|&(p, _)| p > 0)
}

/// The fraction of least denominator in [value/2^shift, (value+1)/2^shift): a walk down the Stern–Brocot tree
/// by continued fractions.
pub(super) fn simplest_fraction(value: u64, shift: u32) -> (u64, u64) {
    let (mut low, mut high) = ((value, 1u64 << shift), (value + 1, 1u64 << shift));
    // What is left of the interval, x, stands for the fraction (p·x + p0)/(q·x + q0). Each step inverts x,
    // and with it swaps which end belongs to the interval.
    let ((mut p, mut q), (mut p0, mut q0)) = ((1, 0), (0, 1));
    let mut low_closed = true;
    loop {
        let whole = low.0 / low.1;
        let rest = low.0 % low.1;
        // An integer inside ends the walk: the lower end itself if it is one and belongs to the interval,
        // else the next one.
        let integer = if rest == 0 && low_closed { whole } else { whole + 1 };
        let below_high = integer * high.1 < high.0 || (integer * high.1 == high.0 && !low_closed);
        if below_high {
            return (p * integer + p0, q * integer + q0);
        }
        (p, p0) = (p * whole + p0, p);
        (q, q0) = (q * whole + q0, q);
        (low, high) = ((high.1, high.0 - whole * high.1), (low.1, rest));
        low_closed = !low_closed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gcd(a: u32, b: u32) -> u32 {
        if b == 0 { a } else { gcd(b, a % b) }
    }

    #[test]
    fn the_sequence_holds_every_fraction_in_lowest_terms_once() {
        for order in [2, 3, 8, 61] {
            let mut expected: Vec<(u32, u32)> = (1..=order)
                .flat_map(|q| (1..=q).map(move |p| (p, q)))
                .filter(|&(p, q)| gcd(p, q) == 1)
                .collect();
            expected.sort_by(|x, y| (y.0 * x.1).cmp(&(x.0 * y.1)));
            assert_eq!(descending_fractions(order).collect::<Vec<_>>(), expected);
        }
        assert_eq!(descending_fractions(1024).count(), 318_964);
    }

    #[test]
    fn the_simplest_fraction_has_the_least_denominator() {
        for value in 0..256u64 {
            let inside = |&(p, q): &(u64, u64)| value * q <= p * 256 && p * 256 < (value + 1) * q;
            let all = (1..=256).flat_map(|q| (0..=2 * q).map(move |p| (p, q)));
            assert_eq!(Some(simplest_fraction(value, 8)), all.into_iter().find(inside), "{value}");
        }
    }
}
