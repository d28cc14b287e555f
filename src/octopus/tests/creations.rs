//! Bodies, hostile ones above all.

use crate::octopus::BodyProblem;
use crate::octopus::creation::Creation;

#[test]
fn what_a_body_names_is_found_in_any_case() {
    let body = r#" {"SPACEID":"s1","spaceIdOrName":"s2","ProjectName":"p1","projectid":"p2",
        "environmentName":"e1","EnvironmentIds":["e2","e3"],"releaseVersion":"1",
        "variables":{"project":"x","space":"y"},"packages":["Web:1.0"]} "#;

    let creation = Creation::read(body.as_bytes()).unwrap();

    assert_eq!(creation.spaces, ["s1", "s2"]);
    assert_eq!(creation.projects, ["p1", "p2"]);
    assert_eq!(creation.environments, ["e2", "e3", "e1"]);
}

#[test]
fn a_body_that_could_be_read_in_two_ways_is_refused() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let rows = [
        ("", BodyProblem::NotStrict),
        ("[]", BodyProblem::NotStrict),
        ("\"projectName\"", BodyProblem::NotStrict),
        ("null", BodyProblem::NotStrict),
        (r#"{"projectName":"Web"} {"projectName":"Other"}"#, BodyProblem::NotStrict),
        (r#"{"projectName":"Web"}x"#, BodyProblem::NotStrict),
        (r#"{"projectName":"Web",}"#, BodyProblem::NotStrict),
        (r#"{/**/"projectName":"Web"}"#, BodyProblem::NotStrict),
        (r"{'projectName':'Web'}", BodyProblem::NotStrict),
        (r#"{projectName:"Web"}"#, BodyProblem::NotStrict),
        ("\u{feff}{\"projectName\":\"Web\"}", BodyProblem::NotStrict),
        (r#"{"projectName":"Web","projectName":"Other"}"#, BodyProblem::NotStrict),
        (r#"{"projectName":"Web","project\u004eame":"Other"}"#, BodyProblem::NotStrict),
        (r#"{"a":{"b":1,"b":2},"projectName":"Web"}"#, BodyProblem::NotStrict),
        (&deep, BodyProblem::NotStrict),
        (r#"{"projectName":"Web","ProjectName":"Other"}"#, BodyProblem::Twice),
        (r#"{"projectName":"Web","PROJECTNAME":"Web"}"#, BodyProblem::Twice),
        (r#"{"releaseVersion":"1","ReleaseVersion":"2"}"#, BodyProblem::Twice),
        ("{\"\u{17f}paceId\":\"Spaces-2\"}", BodyProblem::OddName),
        ("{\"pro\u{200b}jectName\":\"Web\"}", BodyProblem::OddName),
        (r#"{"projectName":["Web",1]}"#, BodyProblem::NotText),
        (r#"{"projectName":["Web",null]}"#, BodyProblem::NotText),
        (r#"{"projectName":["Web",["Other"]]}"#, BodyProblem::NotText),
        (r#"{"projectName":{"Name":"Web"}}"#, BodyProblem::NotText),
        (r#"{"projectId":1}"#, BodyProblem::NotText),
        (r#"{"environmentNames":true}"#, BodyProblem::NotText),
    ];
    for (body, expected) in rows {
        assert_eq!(Creation::read(body.as_bytes()), Err(expected), "{body:.80}");
    }
    let utf16: Vec<u8> = r#"{"projectName":"Web"}"#.bytes().flat_map(|byte| [byte, 0]).collect();
    assert_eq!(Creation::read(&utf16), Err(BodyProblem::NotStrict));
    assert_eq!(Creation::read(b"{\"projectName\":\"W\xff\"}"), Err(BodyProblem::NotStrict));
}
