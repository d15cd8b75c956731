use super::*;
use clap::CommandFactory as _;
use clap::error::ErrorKind;

#[test]
fn the_grammar_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_help_and_every_flag_says_what_it_does() {
    fn walk(path: &[String], command: &clap::Command) {
        let words = path.join(" ");
        for flag in ["-h", "--help"] {
            let error = Cli::try_parse_from(path.iter().map(String::as_str).chain([flag])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{words} {flag}");
        }
        assert!(command.get_about().is_some(), "{words} says nothing");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{words}: {} says nothing", argument.get_id());
        }
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            walk(&[path, &[verb.get_name().to_owned()]].concat(), verb);
        }
    }
    let mut command = Cli::command();
    command.build();
    walk(&["levee".to_owned()], &command);
}

#[test]
fn places_and_sizes_that_look_like_flags_are_values() {
    let Command::Consume(args) =
        Cli::parse_from(["levee", "consume", "t", "--from", "-1h", "-n", "1"]).command
    else {
        panic!("not consume");
    };
    assert_eq!(args.from, crate::position::Place::Ago(Duration::from_secs(3600)));
    for wrong in [
        &["bench", "produce", "--topic", "t", "--batch-bytes", "2MiB"][..],
        &["bench", "produce", "--topic", "t", "--duration", "1s", "--records", "5"],
        &["produce", "t", "--key-field", "f"],
        &["produce", "t", "-H", "novalue"],
        &["topic", "create", "t", "-p", "0"],
        &["topic", "create", "t", "-c", "=x"],
        &["topic", "delete"],
    ] {
        assert!(Cli::try_parse_from([&["levee"], wrong].concat()).is_err(), "{wrong:?}");
    }
}
