// The login as the OctopusDeploy/login action does it. The action is in no registry, so this is
// written from what is known of it: discovery below the server as it was given (a slash at its end
// makes two), the exchange as JSON, and the three ways of reading a failure.
//
// Reads SERVER, SERVICE_ACCOUNT_ID and ID_TOKEN. Prints what the action prints; on the last line
// what it exports for later steps, as NAME=value.

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange";
const TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt";
const HEADERS = { "Content-Type": "application/json", "User-Agent": "GitHubActions (login;v0)" };

async function json(url, options) {
    const answer = await fetch(url, { ...options, headers: HEADERS });
    const body = await answer.json();
    if (answer.ok) {
        return body;
    }
    // Today's servers say `error`, older ones `Errors`; without both the action crashes here.
    throw new Error(body.error ? body.error_description : body.Errors.join("\n"));
}

async function main() {
    const { SERVER, SERVICE_ACCOUNT_ID, ID_TOKEN } = process.env;
    console.log(`Logging in with OpenID Connect to '${SERVER}'`);
    const { token_endpoint } = await json(`${SERVER}/.well-known/openid-configuration`);
    const { access_token } = await json(token_endpoint, {
        method: "POST",
        body: JSON.stringify({
            grant_type: GRANT_TYPE,
            audience: SERVICE_ACCOUNT_ID,
            subject_token: ID_TOKEN,
            subject_token_type: TOKEN_TYPE,
        }),
    });
    console.log("Login successful");
    console.log(`OCTOPUS_ACCESS_TOKEN=${access_token}`);
}

main().catch((error) => {
    console.error(`Error: ${error.message}`);
    process.exitCode = 1;
});
