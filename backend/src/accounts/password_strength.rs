//! How easy a new password is to guess.

use crate::accounts::breached_passwords::is_breached;

/// Minimum number of guesses that a new password has to withstand, as zxcvbn estimates it: that of eight random characters,
/// the shortest password there is.
const GUESSES_MIN: u64 = 100_000_000;
/// Number of characters that are estimated. The time of an estimate grows with the square of their number, to half a second
/// for 128 characters with many symbols.
const ESTIMATED_MAX: usize = 32;
/// The name of the product, which people put into their password for it.
const PRODUCT: &str = "docket";

/// Checks that a new password is hard to guess for an account with that name and e-mail address. The error is a message for
/// the user.
pub fn check(password: &str, name: &str, email: &str) -> Result<(), &'static str> {
    if is_breached(password) {
        return Err(
            "This password is in a list of breached passwords, which attackers try first. Use several unrelated words: they are \
             hard to guess and easy to remember.",
        );
    }
    let estimated: String = password.chars().take(ESTIMATED_MAX).collect();
    let is_separator = |c: char| !c.is_alphanumeric();
    let mut own_words = vec![PRODUCT];
    own_words.extend(name.split(is_separator));
    own_words.extend(email.split(is_separator));
    own_words.retain(|word| !word.is_empty());
    if zxcvbn::zxcvbn(&estimated, &own_words).guesses() < GUESSES_MIN {
        return Err(
            "This password is easy to guess, even with digits or symbols in place of letters. Use several unrelated words: they \
             are hard to guess and easy to remember.",
        );
    }
    Ok(())
}
