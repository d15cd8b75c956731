use super::{TenantId, TokenId};
use proptest::prelude::*;

const TEXT: &str = "000000071122334455667788990abcde";

#[test]
fn the_id_of_a_token_names_its_tenant() {
    let id: TokenId = TEXT.parse().unwrap();
    assert_eq!(id.tenant(), TenantId(7));
    assert_eq!(id.0[4..], [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0x0a, 0xbc, 0xde]);
    assert_eq!(id.to_string(), TEXT);
    assert_eq!(format!("{id:?}"), format!("TokenId({TEXT})"));
    assert_eq!(TokenId([0xff; 16]).tenant(), TenantId(u32::MAX));
}

#[test]
fn an_id_has_one_text() {
    let upper = TEXT.to_uppercase();
    let long = format!("{TEXT}0");
    let sign = format!("+{}", &TEXT[1..]);
    let wide = format!("ä{}", &TEXT[2..]);
    for text in ["", &TEXT[1..], &TEXT[2..], &long, &upper, &sign, &wide, "0x0000071122334455667788990abcde"]
    {
        assert!(text.parse::<TokenId>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn every_id_can_be_read_back(bytes: [u8; 16]) {
        prop_assert_eq!(TokenId(bytes).to_string().parse(), Ok(TokenId(bytes)));
    }

    #[test]
    fn any_other_text_is_refused(text in "[0-9a-fA-F]{30,34}|.{0,40}") {
        if let Ok(id) = text.parse::<TokenId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}
