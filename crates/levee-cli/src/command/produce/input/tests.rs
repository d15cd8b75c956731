use super::*;
use crate::failure::Exit;

fn lines(form: Form, input: &[u8]) -> Lines<&[u8]> {
    Lines { reader: BufReader::new(input), form, name: "test".to_owned(), number: 0 }
}

fn json(key_field: Option<&str>) -> Form {
    Form::Json { key_field: key_field.map(str::to_owned) }
}

/// All records before the first failure, as (key, value).
fn read(form: Form, input: &[u8]) -> (Vec<(Option<String>, String)>, Option<Failure>) {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let mut lines = lines(form, input);
    let mut all = Vec::new();
    let failure = loop {
        let outcome = lines.fill(&mut all);
        match outcome {
            Ok(true) => {}
            Ok(false) => break None,
            Err(failure) => break Some(failure),
        }
    };
    (all.iter().map(|line| (line.key.as_ref().map(text), text(&line.value))).collect(), failure)
}

fn values(form: Form, input: &[u8]) -> Vec<String> {
    let (records, failure) = read(form, input);
    assert!(failure.is_none(), "{failure:?}");
    records.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn each_line_of_text_is_a_value_also_an_empty_one() {
    assert_eq!(values(Form::Text, b"a\n\nb \r\nlast"), ["a", "", "b \r", "last"]);
    assert_eq!(values(Form::Text, b""), Vec::<String>::new());
}

#[test]
fn json_is_checked_and_kept_as_it_is() {
    assert_eq!(values(json(None), b"{\"b\": 1, \"a\":[2]}\n\n \n3\n"), ["{\"b\": 1, \"a\":[2]}", "3"]);
    let (records, failure) = read(json(None), b"{}\n{]\n{}\n");
    let failure = failure.unwrap();
    assert_eq!((records.len(), failure.exit), (1, Exit::Usage));
    assert!(failure.message.starts_with("test, line 2: not JSON"), "{}", failure.message);
}

#[test]
fn keys_come_from_a_field() {
    let input = b"{\"k\":\"N1\"}\n{\"k\":7}\n{\"k\":true}\n{\"k\":null}\n{}\n";
    let (records, failure) = read(json(Some("k")), input);
    assert!(failure.is_none());
    let keys: Vec<_> = records.iter().map(|(key, _)| key.as_deref()).collect();
    assert_eq!(keys, [Some("N1"), Some("7"), Some("true"), None, None]);
    for bad in [&b"{\"k\":[]}"[..], b"{\"k\":{}}", b"5"] {
        assert_eq!(read(json(Some("k")), bad).1.unwrap().exit, Exit::Usage);
    }
}

#[test]
fn a_line_at_the_limit_and_one_beyond() {
    let mut input = vec![b'x'; MAX_BATCH_BYTES];
    assert_eq!(values(Form::Text, &input)[0].len(), MAX_BATCH_BYTES);
    input.push(b'\n');
    assert_eq!(values(Form::Text, &input)[0].len(), MAX_BATCH_BYTES);
    input.insert(0, b'x');
    assert_eq!(read(Form::Text, &input).1.unwrap().code, "TOO_LARGE");
}

#[test]
fn lines_are_handed_over_as_soon_as_no_more_are_at_hand() {
    let mut slow = Lines {
        reader: BufReader::new((&b"a\nb\n"[..]).chain(&b"c\n"[..])),
        form: Form::Text,
        name: String::new(),
        number: 0,
    };
    let mut chunk = Vec::new();
    assert!(slow.fill(&mut chunk).unwrap());
    assert_eq!(chunk.len(), 2);
}
