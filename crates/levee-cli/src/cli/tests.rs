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
fn what_people_type_is_understood() {
    for right in [
        &["tenant", "create", "acme", "--plan", "team"][..],
        &["tenant", "suspend", "acme", "--mode", "frozen"],
        &["tenant", "delete", "acme", "--grace", "0s", "--yes"],
        &["tenant", "delete", "acme", "--grace", "365d"],
        &["tenant", "update", "acme", "--plan", "team"],
        &["tenant", "update", "acme", "--retention", "7d", "--retention-bytes", "10GiB"],
        &["tenant", "update", "acme", "--retention", "none", "--retention-bytes", "unlimited"],
        &["topic", "create", "orders", "--compact", "--retention", "36525d", "--retention-bytes", "1B"],
        &["quota", "set", "acme", "storage=10GiB,action=trim-oldest"],
        &["tenant", "usage", "--from", "-90d", "--to", "-1h", "--csv"],
        &["plan", "update", "team", "ingress=5MB/s", "--unset", "egress,topics", "--weight", "20"],
        &["quota", "set", "acme", "ingress=5MB/s", "storage=10GiB", "topics=100"],
        &["quota", "set", "acme", "ingress=unlimited", "--topic", "orders"],
        &["quota", "describe", "acme"],
        &["quota", "simulate", "acme", "topics=5", "--plan", "team", "--from", "-30d"],
        &["user", "create", "ann", "bob", "--admin", "--group", "devs"],
        &["user", "create", "root", "--operator", "--certificate", "DNS:ops.example"],
        &["token", "issue", "--user", "svc", "--expires", "30d", "--scope", "produce:orders.*"],
        &["acl", "allow", "--user", "svc", "--ops", "produce,consume", "--topic", "orders.", "--prefix"],
        &["acl", "deny", "--everyone", "--user-group", "devs", "--ops", "all", "--topic", "", "--prefix"],
        &["acl", "test", "--user", "svc", "--op", "produce", "--topic", "orders.eu"],
        &["acl", "allow", "--user", "svc", "--ops", "consume", "--group", "billing.", "--prefix"],
        &["acl", "allow", "--user", "svc", "--ops", "consume", "--group", "billing", "--topic", "orders"],
        &["acl", "test", "--user", "svc", "--op", "consume", "--group", "billing.eu"],
        &["token", "issue", "--user", "svc", "--scope", "consume:group:billing.*"],
        &["audit", "tail", "-f", "-n", "0", "--json", "--operator"],
        &["group", "ls", "--prefix", "b"],
        &["group", "seek", "acme/g", "--topic", "t", "-p", "0", "-p", "3", "--to", "-1h", "--dry-run"],
        &["group", "delete", "g", "h", "--if-exists", "--dry-run"],
        &["consume", "t", "--group", "g", "--from", "end", "-n", "5"],
        &["produce", "t", "--deliver-at", "2030-01-31T10:00:00Z"],
        &["produce", "t", "--delay", "30s"],
        &[
            "work",
            "acme/q",
            "--topic",
            "a",
            "--topic",
            "b",
            "--dead-letter-topic",
            "d",
            "--ordered-by-key",
            "-n",
            "1",
        ],
        &["status", "--token-file", "t", "--ca-file", "c", "--cert-file", "c", "--key-file", "k"],
    ] {
        if let Err(error) = Cli::try_parse_from([&["levee"], right].concat()) {
            panic!("{right:?}: {error}");
        }
    }
}

#[test]
fn places_and_sizes_that_look_like_flags_are_values() {
    let Command::Consume(args) =
        Cli::parse_from(["levee", "consume", "t", "--from", "-1h", "-n", "1"]).command
    else {
        panic!("not consume");
    };
    assert_eq!(
        args.from,
        crate::position::Place::Since(crate::moment::Moment::Ago(Duration::from_secs(3600)))
    );
    for wrong in [
        &["bench", "produce", "--topic", "t", "--batch-bytes", "2MiB"][..],
        &["bench", "produce", "--topic", "t", "--duration", "1s", "--records", "5"],
        &["tenant", "update", "acme", "--retention", "0s"],
        &["tenant", "update", "acme", "--retention", "36526d"],
        &["tenant", "update", "acme", "--retention", "7"],
        &["topic", "create", "t", "--retention", "none"],
        &["topic", "create", "t", "--retention-bytes", "0"],
        &["topic", "create", "t", "--retention-bytes", "1048577TiB"],
        &["produce", "t", "--key-field", "f"],
        &["produce", "t", "-H", "novalue"],
        &["produce", "t", "--delay", "30s", "--deliver-at", "2030-01-31T10:00:00Z"],
        &["produce", "t", "--deliver-at", "tomorrow"],
        &["consume", "t", "--group", "g", "--partition", "0"],
        &["consume", "t", "--group", "g", "--until-end"],
        &["group", "seek", "g", "--to", "end"],
        &["work", "q", "--dead-letter-topic", "d"],
        &["work", "q", "--topic", "a", "--max-deliveries", "1001"],
        &["topic", "create", "t", "-p", "0"],
        &["topic", "create", "t", "-c", "=x"],
        &["topic", "delete"],
        &["tenant", "delete", "acme", "--grace", "366d"],
        &["tenant", "suspend", "acme", "--mode", "slow"],
        &["tenant", "update", "acme"],
        &["plan", "create", "team", "ingress"],
        &["plan", "create", "team", "--weight", "101"],
        &["quota", "set", "acme"],
        &["quota", "set", "acme", "topics=1", "--user", "u", "--topic", "t"],
        &["quota", "simulate", "acme"],
        &["user", "create", "ann", "--operator", "--admin"],
        &["user", "update", "ann", "--group", "g", "--no-groups"],
        &["token", "issue"],
        &["token", "issue", "--user", "svc", "--expires", "999ms"],
        &["token", "issue", "--user", "svc", "--scope", "produce"],
        &["acl", "allow", "--ops", "produce", "--topic", "t"],
        &["acl", "allow", "--user", "svc", "--ops", "write", "--topic", "t"],
        &["acl", "allow", "--user", "svc", "--ops", "produce"],
        &["acl", "test", "--user", "svc", "--op", "consume"],
        &["acl", "test", "--user", "svc", "--op", "consume", "--topic", "t", "--group", "g"],
        &["acl", "rm"],
        &["acl", "test", "--user", "svc", "--op", "produce,consume", "--topic", "t"],
        &["audit", "ls", "-n", "1001"],
        &["audit", "ls", "-n", "5", "--from", "7"],
        &["status", "--token", "secret"],
    ] {
        assert!(Cli::try_parse_from([&["levee"], wrong].concat()).is_err(), "{wrong:?}");
    }
}
