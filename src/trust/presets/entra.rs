//! Microsoft Entra: managed identities and applications.
//!
//! All tenants share one set of keys: the issuer's URL is what tells them apart, so it names one
//! tenant. Keys have no `alg`. People get tokens as well, unless `idtyp` says that it is an
//! application.

use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Kind, Lift, Pin, Pins, Preset, Reading,
    Requirement, Shape, hours,
};

pub(super) const PRESET: Preset = Preset {
    name: "entra",
    title: "Microsoft Entra",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[
            Shape::single("https://login.microsoftonline.com/{guid}/v2.0"),
            Shape::single("https://sts.windows.net/{guid}/"),
            Shape::single("https://login.microsoftonline.us/{guid}/v2.0"),
            Shape::single("https://login.partner.microsoftonline.cn/{guid}/v2.0"),
            Shape::single("https://sts.chinacloudapi.cn/{guid}/"),
        ],
        advice: "write https://login.microsoftonline.com/TENANT-ID/v2.0, or \
                 https://sts.windows.net/TENANT-ID/ for tokens of version 1.0, with the tenant's id",
    },
    max_token_lifetime: hours(24),
    claims: &[
        Claim::id("sub"),
        Claim::id("oid"),
        Claim::id("tid"),
        Claim::id("azp"),
        Claim::id("appid"),
        Claim::context("idtyp"),
        Claim::context("roles").of(Kind::List),
        Claim::name("xms_mirid"),
        Claim::context("azpacr"),
        Claim::context("appidacr"),
        Claim::human("upn"),
        Claim::human("preferred_username"),
        Claim::human("unique_name"),
        Claim::human("email"),
        Claim::context("ver"),
    ],
    has_composite_subject: false,
    fields: &[
        Field::plain("oid", "oid", "the object id of the managed identity or application"),
        Field::plain("azp", "azp", "the client id of the application (version 2.0)"),
        Field::plain("appid", "appid", "the client id of the application (version 1.0)"),
        Field::plain("roles", "roles", "app roles that it has, all of them").read(Reading::Held),
        Field::plain("idtyp", "idtyp", "the kinds of token; else `app` alone").listed(),
    ],
    pins: &[
        Pins {
            always: &[Pin::exact(
                "oid",
                "oid",
                "`az ad sp show --id CLIENT-ID --query id`, or the page of the managed identity",
            )],
            if_shared: &[],
            basis: Basis::Ids,
        },
        Pins {
            always: &[Pin::exact("sub", "sub", "of an application the same as its `oid`")],
            if_shared: &[],
            basis: Basis::Ids,
        },
        Pins {
            always: &[Pin::exact("azp", "azp", "the application's client id")],
            if_shared: &[],
            basis: Basis::Ids,
        },
        Pins {
            always: &[Pin::exact("appid", "appid", "the application's client id")],
            if_shared: &[],
            basis: Basis::Ids,
        },
    ],
    denials: &[Denial::unless(
        "idtyp",
        Requirement::OneOf(&["app"]),
        Lift::Field(&["idtyp"]),
        "anybody of the tenant gets a token that is not an application's",
    )],
    shared_audiences: &["https://management.azure.com", "https://graph.microsoft.com"],
    ..BASE
};
