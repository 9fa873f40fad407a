use game_state::{Limits, Value};
use mongodb::bson::{RawBsonRef, RawDocumentBuf, cstr, oid::ObjectId};

use super::*;

fn roundtrip(json: &str) -> String {
    let document = append_json(RawDocumentBuf::new(), "v", json.as_bytes()).unwrap();
    let parsed = Value::parse(json, &Limits::default()).unwrap();
    assert_eq!(document, append_value(RawDocumentBuf::new(), "v", &parsed).unwrap(), "text and value give the same bytes");
    value(document.get("v").unwrap().unwrap()).unwrap().to_json()
}

#[test]
fn what_other_converters_bend_comes_back_as_it_was() {
    for json in [
        "0",
        "-1",
        "2147483647",
        "2147483648",
        "-2147483649",
        "9007199254740991",
        "9007199254740992",
        "-9007199254740992",
        "9007199254740994",
        "1152921504606847000",
        "18446744073709552000",
        "100000000000000000000",
        "1e+21",
        "5e-324",
        "0.1",
        "1.7976931348623157e+308",
        r#""a\u0000b""#,
        r#"{"_id":1,"a.b":{"0":[]},"date":"2024-01-01T00:00:00Z","ﬀ":"😀"}"#,
        r#"[[],{},[null,true,false,""]]"#,
        "[0,1,2,3,4,5,6,7,8,9,10,11]",
    ] {
        assert_eq!(roundtrip(json), json);
    }
}

#[test]
fn the_type_of_a_number_follows_from_its_value() {
    let kind = |json: &str| {
        let document = append_json(RawDocumentBuf::new(), "v", json.as_bytes()).unwrap();
        let bson = document.get("v").unwrap().unwrap();
        match bson {
            RawBsonRef::Int32(_) => 32,
            RawBsonRef::Int64(_) => 64,
            RawBsonRef::Double(_) => 0,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        ["1", "-2147483648", "2147483648", "9007199254740992", "9007199254740994", "1e+21", "0.5"].map(kind),
        [32, 32, 64, 64, 0, 0, 0]
    );
}

#[test]
fn a_key_that_bson_would_bend_and_text_that_is_not_json_are_refused() {
    for json in [r#"{"":1}"#, r#"{"$date":1}"#, r#"{"a\u0000b":1}"#, r#"{"a":[{"$oid":"0"}]}"#, "{", r#"{"a":1}{"#, ""] {
        assert!(append_json(RawDocumentBuf::new(), "v", json.as_bytes()).is_err(), "{json}");
    }
}

#[test]
fn what_json_has_no_value_for_is_named_with_its_place() {
    let mut inner = RawDocumentBuf::new();
    inner.append(cstr!("when"), mongodb::bson::DateTime::from_millis(1_700_000_000_000));
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("a"), &inner);
    let refused = value(RawBsonRef::Document(&document)).unwrap_err();
    assert_eq!(refused.to_string(), "a.when: a value of the type DateTime");
    let mut large = RawDocumentBuf::new();
    large.append(cstr!("n"), 9_007_199_254_740_993_i64);
    assert!(value(RawBsonRef::Document(&large)).is_err());
}

#[test]
fn a_foreign_document_is_read_as_its_program_printed_it() {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("at"), mongodb::bson::DateTime::from_millis(1_700_000_000_000));
    document.append(cstr!("by"), ObjectId::parse_str("0123456789abcdef01234567").unwrap());
    document.append(cstr!("late"), mongodb::bson::DateTime::from_millis(1_700_000_000_120));
    let read = foreign_value(RawBsonRef::Document(&document)).unwrap();
    assert_eq!(read.to_json(), r#"{"at":"2023-11-14T22:13:20.000Z","by":"0123456789abcdef01234567","late":"2023-11-14T22:13:20.120Z"}"#);
}
