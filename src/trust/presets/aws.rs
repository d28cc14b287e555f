//! AWS: outbound identity federation (`sts:GetWebIdentityToken`).
//!
//! `sub` is the ARN of the role; all else stands in an object that is named like a URL. The tags of
//! the request are what the caller wrote there.

use super::{BASE, Basis, Claim, Field, IssuerUrls, Pin, Pins, Preset, RefusedClaim, Shape};
use crate::identity::Algorithm;

const ACCOUNT: &str = "/https:~1~1sts.amazonaws.com~1/aws_account";
const ORGANIZATION: &str = "/https:~1~1sts.amazonaws.com~1/org_id";
const PRINCIPAL: &str = "/https:~1~1sts.amazonaws.com~1/principal_id";
const REQUEST_TAGS: &str = "/https:~1~1sts.amazonaws.com~1/request_tags";

pub(super) const PRESET: Preset = Preset {
    name: "aws",
    title: "AWS",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[Shape::single("https://{id}.tokens.sts.global.api.aws")],
        advice: "write https://ID.tokens.sts.global.api.aws, which `aws iam \
                 get-outbound-web-identity-federation-info` shows",
    },
    algorithms: &[Algorithm::Es384, Algorithm::Rs256],
    claims: &[
        Claim::name("sub"),
        Claim::id(ACCOUNT),
        Claim::id(ORGANIZATION),
        Claim::context("/https:~1~1sts.amazonaws.com~1/ou_path"),
        Claim::name(PRINCIPAL),
        Claim::context("/https:~1~1sts.amazonaws.com~1/source_region"),
        Claim::name("/https:~1~1sts.amazonaws.com~1/lambda_source_function_arn"),
        Claim::chosen(REQUEST_TAGS),
    ],
    fields: &[
        Field::plain("sub", "sub", "the ARN of the role"),
        Field::plain("account", ACCOUNT, "the number of the account"),
        Field::plain("org_id", ORGANIZATION, "the id of the organization: `o-…`"),
        Field::switch("request_tags", "`true`: conditions on tags of the request are allowed"),
    ],
    pins: &[Pins {
        always: &[Pin::exact("sub", "sub", "the ARN of the role, as `aws iam get-role` shows it")],
        if_shared: &[],
        basis: Basis::Ids,
    }],
    refused_claims: &[RefusedClaim {
        claim: REQUEST_TAGS,
        switch: "request_tags",
        why: "whoever asks for the token writes its request tags",
    }],
    shared_audiences: &["sts.amazonaws.com"],
    ..BASE
};
