use super::guess_format;
use crate::output::Format;

#[test]
fn what_writes_its_data_itself_has_no_form_also_when_it_is_mistyped() {
    let guess = |arguments: &[&str]| {
        let arguments: Vec<_> = ["levee"].iter().chain(arguments).map(|text| (*text).to_owned()).collect();
        guess_format(&arguments, Some("json"))
    };
    for own in [
        &["consume", "orders", "--nope"][..],
        &["work", "mailer", "--nope"],
        &["completion", "nosh"],
        &["audit", "tail", "--nope"],
        &["tenant", "usage", "--csv", "--nope"],
    ] {
        assert_eq!(guess(own), None, "{own:?}");
    }
    for other in
        [&["audit", "ls", "--nope"][..], &["tenant", "usage", "--nope"], &["top", "--nope"], &["nope"]]
    {
        assert_eq!(guess(other), Some(Format::Json), "{other:?}");
    }
    assert_eq!(guess(&["tenant", "usage", "--nope", "-o", "yaml"]), Some(Format::Yaml));
}
