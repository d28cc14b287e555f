//! Kubernetes: projected tokens of service accounts, of any cluster.
//!
//! Whoever may create pods in the namespace can be any service account in it. An account that was
//! deleted and made again has another `uid`.

use super::issuers::ANY;
use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Kind, Lift, Part, Pin, Pins, Preset,
    Requirement, Shape, SubjectTemplate, hours,
};
use crate::identity::Algorithm;

const NAMESPACE: &str = "/kubernetes.io/namespace";
const ACCOUNT: &str = "/kubernetes.io/serviceaccount/name";
const UID: &str = "/kubernetes.io/serviceaccount/uid";

pub(super) const PRESET: Preset = Preset {
    name: "kubernetes",
    title: "Kubernetes",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[
            Shape::single("https://oidc.eks.{region}.amazonaws.com/id/{id}"),
            Shape::single("https://{region}.oic.prod-aks.azure.com/{tenant}/{id}/"),
            Shape::single("https://oidc.prod-aks.azure.com/{id}/"),
            Shape::single(
                "https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}",
            ),
            Shape::single(ANY),
        ],
        advice: "write the cluster's issuer, which `kubectl get --raw \
                 /.well-known/openid-configuration` shows, such as \
                 https://kubernetes.default.svc.cluster.local",
    },
    algorithms: &[Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384],
    max_token_lifetime: hours(24),
    claims: &[
        Claim::name("sub"),
        Claim::name(NAMESPACE),
        Claim::name(ACCOUNT),
        Claim::id(UID),
        Claim::name("/kubernetes.io/pod/name"),
        Claim::id("/kubernetes.io/pod/uid"),
        Claim::name("/kubernetes.io/node/name"),
        Claim::id("/kubernetes.io/node/uid"),
        Claim::context("/kubernetes.io/warnafter").of(Kind::Number),
    ],
    fields: &[
        Field::plain("namespace", NAMESPACE, "the namespace"),
        Field::plain("kubernetes_service_account", ACCOUNT, "the pod's service account"),
        Field::plain("uid", UID, "the `uid` of that account: one made again has another"),
        Field::plain("sub", "sub", "namespace and account in one")
            .form(is_subject, "system:serviceaccount:NAMESPACE:NAME"),
        Field::switch(
            "default_account",
            "`true`: the account `default`, which every pod has that names none, is accepted",
        ),
        Field::switch(
            "extended_tokens",
            "`true`: tokens that the API server extended for old clients are accepted",
        ),
    ],
    pins: &[
        Pins { always: &[IN_NAMESPACE, AS_ACCOUNT], if_shared: &[], basis: Basis::Ids },
        Pins { always: &[SUBJECT], if_shared: &[], basis: Basis::Ids },
    ],
    denials: &[
        Denial::unless(
            ACCOUNT,
            Requirement::NoneOf(&["default"]),
            Lift::Switch("default_account", true),
            "every pod of the namespace that names no account has this one",
        ),
        Denial::unless(
            "/kubernetes.io/warnafter",
            Requirement::Absent,
            Lift::Switch("extended_tokens", true),
            "a token that was extended for old clients lives for a year",
        ),
    ],
    audience_fault: |audience, issuer| {
        let is_api_server =
            audience == issuer || audience.starts_with("https://kubernetes.default.svc");
        is_api_server.then_some(
            "is the API server's own audience, which every mounted token has; give the service \
             account another, such as `audience: octobroker`, and a projected volume for it",
        )
    },
    shared_audiences: &[
        "https://kubernetes.default.svc",
        "api://AzureADTokenExchange",
        "sts.amazonaws.com",
    ],
    subjects: SUBJECTS,
    ..BASE
};

const IN_NAMESPACE: Pin =
    Pin::exact(NAMESPACE, "namespace", "`kubectl get serviceaccounts --all-namespaces` lists them");

const AS_ACCOUNT: Pin =
    Pin::exact(ACCOUNT, "kubernetes_service_account", "`serviceAccountName` of the pod says it");

const SUBJECT: Pin = Pin::exact("sub", "sub", "system:serviceaccount:NAMESPACE:NAME");

fn is_subject(value: &str) -> bool {
    let names = value.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let is_named = names.is_some_and(|(namespace, name)| {
        !namespace.is_empty() && !name.is_empty() && !name.contains(':')
    });
    is_named || value.is_empty()
}

const SUBJECTS: &[&[SubjectTemplate]] = &[&[SubjectTemplate::of(
    &[
        Part::Text("system:serviceaccount:"),
        Part::Claim(NAMESPACE),
        Part::Text(":"),
        Part::Claim(ACCOUNT),
    ],
    &[&[NAMESPACE, ACCOUNT]],
)]];
