use super::check;
use crate::cli::top::TopArgs;
use crate::cli::{Cli, Command};
use clap::Parser as _;

fn args(arguments: &[&str]) -> TopArgs {
    let cli = Cli::try_parse_from([&["levee", "top"], arguments].concat()).unwrap();
    let Command::Top(args) = cli.command else { panic!("another command") };
    args
}

#[test]
fn what_the_lines_do_not_have_is_refused() {
    for right in [
        &[][..],
        &["--sort", "throttled"],
        &["--by", "topic", "--sort", "stored", "--prefix", "orders."],
        &["--by", "topic", "--sort", "records-in"],
    ] {
        assert!(check(&args(right)).is_ok(), "{right:?}");
    }
    for wrong in [
        &["--sort", "stored"][..],
        &["--prefix", "orders."],
        &["--by", "topic", "--sort", "out"],
        &["--by", "topic", "--sort", "throttled"],
    ] {
        assert!(check(&args(wrong)).is_err(), "{wrong:?}");
    }
}
