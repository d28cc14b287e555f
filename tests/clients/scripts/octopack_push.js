// Packs and pushes with octopackjs, Octopus's older tool for Node builds. It knows API keys alone.
//
// Reads OCTOPUS_URL and OCTOPUS_API_KEY.

const { pack, push } = require("@octopusdeploy/octopackjs");

pack("zip", { id: "shop", version: "1.0.0" })
    .append("shop.txt", Buffer.from("what is sold"))
    .toStream((error, { name, stream }) => {
        if (error) {
            throw error;
        }
        const options = {
            host: process.env.OCTOPUS_URL,
            apikey: process.env.OCTOPUS_API_KEY,
            spaceId: "Spaces-1",
            replace: true,
            name,
        };
        push(stream, options, (failure, stored) => {
            if (failure) {
                console.error(`${failure.statusCode}: ${failure.body.ErrorMessage}`);
                process.exitCode = 1;
                return;
            }
            console.log(`pushed ${stored.PackageId} ${stored.Version}`);
        });
    });
