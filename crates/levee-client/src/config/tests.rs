use super::{ClientConfig, Error, Identity, MAX_TIMEOUT, ProducerSettings};
use std::time::Duration;

fn refusal(checked: Result<(), Error>) -> String {
    checked.unwrap_err().message().to_owned()
}

#[test]
fn no_time_is_so_long_that_adding_it_overflows() {
    let just_too_long = MAX_TIMEOUT + Duration::from_nanos(1);
    for time in [just_too_long, Duration::MAX] {
        let delivery = ProducerSettings { delivery_timeout: time, ..ProducerSettings::default() };
        assert!(refusal(delivery.check()).contains("delivery_timeout is at most 30 days"));
        let config = ClientConfig::new("http://127.0.0.1:9400", Identity::DevOperator);
        let request = ClientConfig { request_timeout: time, ..config.clone() };
        assert!(refusal(request.check()).contains("request_timeout is at most 30 days"));
        let connect = ClientConfig { connect_timeout: time, ..config };
        assert!(refusal(connect.check()).contains("connect_timeout is at most 30 days"));
    }
    let longest = ProducerSettings { delivery_timeout: MAX_TIMEOUT, ..ProducerSettings::default() };
    longest.check().unwrap();
}
