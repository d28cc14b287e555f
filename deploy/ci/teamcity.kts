// TeamCity: .teamcity/settings.kts. Needs Octopus Deploy's OIDC plug-in, whose build feature is `oidc-plugin`.
// What to replace, and what to enter in Octopus: docs/ci.md.
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildSteps.script

version = "2025.11"

project {
    buildType(Deploy)
}

object Deploy : BuildType({
    name = "Deploy to Production"
    type = Type.DEPLOYMENT
    maxRunningBuilds = 1

    params {
        param("env.OCTOBROKER_ARCHIVE", "https://artifacts.acme.example/octobroker/octobroker-0.1.0-linux-x86_64.tar.gz")
        param("env.OCTOBROKER_SHA256", "0000000000000000000000000000000000000000000000000000000000000000")
        param("env.OCTOPUS_URL", "https://acme.octopus.app")
        param("env.OCTOPUS_SPACE", "Default")
        param("env.OCTOBROKER_SERVICE_ACCOUNT", "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33")
        param("env.OCTOPUS_ID_TOKEN", "%jwt.token%")
    }

    vcs {
        branchFilter = "+:<default>"
    }

    features {
        feature {
            type = "oidc-plugin"
            param("audience", "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33")
            param("ttl_minutes", "10")
            param("algorithm", "RS256")
        }
    }

    steps {
        script {
            name = "Deploy"
            // The values in percent signs are the parameters above: `$` would be Kotlin's.
            scriptContent = """
                set -eu
                cd "%system.teamcity.build.tempDir%"
                curl -sSfL --proto '=https' --retry 3 -o octobroker.tar.gz "%env.OCTOBROKER_ARCHIVE%"
                echo "%env.OCTOBROKER_SHA256%  octobroker.tar.gz" | sha256sum --check --strict
                tar -xzf octobroker.tar.gz octobroker
                ./octobroker exec --isolate -- \
                  octopus release deploy --project Shop --version 2.4.0 --environment Production --no-prompt
            """.trimIndent()
        }
    }

    failureConditions {
        executionTimeoutMin = 30
    }

    requirements {
        equals("env.HAS_OCTOPUS_CLI", "true") // agents that have octopus, curl, tar
    }
})
