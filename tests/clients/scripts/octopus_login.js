// `octopus login --server … --service-account-id … --id-token …`. The program itself is in none of
// the registries that are asked here, so this is written from what is known of it: it looks at no
// status, only at `error`; it needs a whole number in `expires_in`; it tries the token at once, and
// keeps it only then.
//
// Reads SERVER, SERVICE_ACCOUNT_ID and ID_TOKEN.

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange";
const TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt";
const INT32_MAX = 2 ** 31 - 1;

async function get(url, token) {
    const headers = { Authorization: `Bearer ${token}`, "User-Agent": "go-octopusdeploy/2" };
    const answer = await fetch(url, { headers });
    if (!answer.ok) {
        const body = await answer.json();
        throw new Error(answer.status === 401 ? "unauthorized" : body.ErrorMessage);
    }
    return answer.json();
}

async function main() {
    const { SERVER, SERVICE_ACCOUNT_ID, ID_TOKEN } = process.env;
    const discovered = await fetch(`${SERVER}/.well-known/openid-configuration`);
    const { token_endpoint } = await discovered.json();
    const exchanged = await fetch(token_endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
            grant_type: GRANT_TYPE,
            audience: SERVICE_ACCOUNT_ID,
            subject_token_type: TOKEN_TYPE,
            subject_token: ID_TOKEN,
        }),
    });
    const body = await exchanged.json();
    if (body.error) {
        throw new Error(body.error_description);
    }
    const { access_token, expires_in } = body;
    if (!Number.isInteger(expires_in) || expires_in > INT32_MAX) {
        throw new Error("json: cannot unmarshal expires_in into a value of type int32");
    }
    console.log(`Access token obtained successfully via OpenID Connect, valid for ${expires_in} s`);

    const server = SERVER.replace(/\/$/, "");
    const root = await get(`${server}/api/`, access_token);
    if (!root.Version) {
        throw new Error("the root document has no Version");
    }
    await get(`${server}/api/spaces`, access_token);
    const me = await get(`${server}/api/users/me`, access_token);
    console.log(`Login successful, happy deployments, ${me.Username}!`);
}

main().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
});
