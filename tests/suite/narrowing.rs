//! A profile under the login shell xfersh only takes rights away, for generated policies, disks and places
//! (`tests/fuzz/src/narrow`, where a fuzzer goes on).

use crate::properties::checks::{Narrowed, narrow, narrow_nothing};
use crate::wildcards::words::Random;

/// How many pairs of policies are compared.
const ROUNDS: usize = 1_500;
/// As many bytes as choose a policy, a disk and about 150 questions.
const BYTES: usize = 2_600;

fn bytes(random: &mut Random) -> Vec<u8> {
    let byte = |_| u8::try_from(random.below(256)).expect("a byte");
    (0..BYTES).map(byte).collect()
}

#[test]
fn what_a_narrowed_plan_allows_both_plans_allow() {
    let mut random = Random::seeded(21);
    let mut all = Narrowed::default();
    for _ in 0..ROUNDS {
        let found = narrow(&bytes(&mut random));
        all.refused += found.refused;
        all.allowed += found.allowed;
        all.taken_away += found.taken_away;
    }
    println!(
        "{} allowed, {} taken away, {} refused",
        all.allowed, all.taken_away, all.refused
    );
    assert!(all.refused < ROUNDS * 3 / 4, "{}", all.refused);
    assert!(
        all.allowed > ROUNDS && all.taken_away > ROUNDS,
        "{} {}",
        all.allowed,
        all.taken_away
    );
}

/// A profile that sets nothing takes nothing away.
#[test]
fn a_profile_without_keys_leaves_every_right() {
    let mut random = Random::seeded(22);
    for _ in 0..ROUNDS / 4 {
        narrow_nothing(&bytes(&mut random));
    }
}
