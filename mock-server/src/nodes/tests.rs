use super::*;

/// The first values for the seed 1234567, as the reference implementation has them.
#[test]
fn the_generator_is_the_one_that_everybody_knows() {
    let mut state = 1_234_567;
    let drawn: Vec<u64> = (0..3).map(|_| splitmix(&mut state)).collect();
    assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
}
