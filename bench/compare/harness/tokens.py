"""A pretend issuer: keys, their key set, and signed ID tokens.

It signs with the libcrypto that is there for nginx and HAProxy, for ten thousand processes of
`openssl` would take longer than all else here.
"""

import base64
import ctypes
import ctypes.util
import json
import os
import time

from .processes import Failure, run

ISSUER = "https://ci.example/oidc"
AUDIENCE = "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33"
HOUR = 3600


def crypto():
    name = ctypes.util.find_library("crypto")
    if not name:
        raise Failure("libcrypto is missing (Debian: libssl3)")
    library = ctypes.CDLL(name)
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    signatures = {
        "BIO_new_mem_buf": (pointer, [ctypes.c_char_p, ctypes.c_int]),
        "PEM_read_bio_PrivateKey": (pointer, [pointer] * 4),
        "EVP_MD_CTX_new": (pointer, []),
        "EVP_MD_CTX_free": (None, [pointer]),
        "EVP_sha256": (pointer, []),
        "EVP_DigestSignInit": (ctypes.c_int, [pointer] * 5),
        "EVP_DigestSign": (ctypes.c_int, [pointer, pointer, pointer, ctypes.c_char_p, size]),
        "EVP_PKEY_get_raw_public_key": (ctypes.c_int, [pointer, pointer, pointer]),
    }
    for each, (result, arguments) in signatures.items():
        function = getattr(library, each)
        function.restype, function.argtypes = result, arguments
    return library


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A private key of an algorithm of JWS: RS256 (2048 bits), or EdDSA (Ed25519)."""

    def __init__(self, library, algorithm, path):
        options = {
            "RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            "EdDSA": ["-algorithm", "ED25519"],
        }
        run(["openssl", "genpkey", *options[algorithm], "-out", path], 30)
        self.library, self.algorithm, self.path = library, algorithm, path
        pem = path.read_bytes()
        self.key = library.PEM_read_bio_PrivateKey(
            library.BIO_new_mem_buf(pem, len(pem)), None, None, None
        )
        self.digest = library.EVP_sha256() if algorithm == "RS256" else None

    def sign(self, data):
        library, context = self.library, self.library.EVP_MD_CTX_new()
        signature, length = ctypes.create_string_buffer(512), ctypes.c_size_t(512)
        try:
            if (
                library.EVP_DigestSignInit(context, None, self.digest, None, self.key) != 1
                or library.EVP_DigestSign(
                    context, signature, ctypes.byref(length), data, len(data)
                )
                != 1
            ):
                raise Failure("libcrypto does not sign")
        finally:
            library.EVP_MD_CTX_free(context)
        return signature.raw[: length.value]

    def public(self):
        """As a key of a key set (RFC 7517)."""
        common = {"kid": self.algorithm, "alg": self.algorithm, "use": "sig"}
        if self.algorithm == "RS256":
            modulus = run(["openssl", "rsa", "-in", self.path, "-noout", "-modulus"], 10)
            number = bytes.fromhex(modulus.strip().removeprefix("Modulus="))
            return {**common, "kty": "RSA", "n": base64url(number), "e": "AQAB"}
        raw, length = ctypes.create_string_buffer(32), ctypes.c_size_t(32)
        self.library.EVP_PKEY_get_raw_public_key(self.key, raw, ctypes.byref(length))
        return {**common, "kty": "OKP", "crv": "Ed25519", "x": base64url(raw.raw)}


class Issuer:
    """Mints tokens of the size and the claims that a CI platform gives its jobs."""

    def __init__(self, stage):
        library = crypto()
        self.rsa = Key(library, "RS256", stage.folder / "rsa.pem")
        self.ed25519 = Key(library, "EdDSA", stage.folder / "ed25519.pem")
        keys = [self.rsa.public(), self.ed25519.public()]
        self.key_set = stage.file("keys.json", json.dumps({"keys": keys}))
        self.public_pem = stage.folder / "rsa.pub.pem"
        run(["openssl", "pkey", "-in", self.rsa.path, "-pubout", "-out", self.public_pem], 10)
        self.minted = 0

    def mint(self, subject="repo:acme/web:environment:production", key=None):
        """A token that nobody has seen: its `jti` is new."""
        key = key or self.rsa
        self.minted += 1
        header = {"alg": key.algorithm, "kid": key.algorithm, "typ": "JWT"}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (header, self.claims(subject)))
        return f"{text}.{base64url(key.sign(text.encode()))}"

    def forge(self):
        """A token as ours, whose signature is a number of the right size and nothing more."""
        text = self.mint(key=self.ed25519).split(".")[1]
        header = {"alg": "RS256", "kid": "RS256", "typ": "JWT"}
        signature = b"\x01" + os.urandom(255)
        return f"{base64url(json.dumps(header).encode())}.{text}.{base64url(signature)}"

    def claims(self, subject):
        now = int(time.time())
        return {
            "iss": ISSUER,
            "sub": subject,
            "aud": AUDIENCE,
            "exp": now + HOUR - 60,
            "nbf": now - 30,
            "iat": now - 30,
            "jti": f"{self.minted:08d}-4d3c-4f9a-8d3e-2f1b0a9c8d7e",
            "ref": "refs/heads/main",
            "sha": "9f2c1e4d7a6b5c8f0e1d2a3b4c5d6e7f8a9b0c1d",
            "repository": "acme/web",
            "repository_owner": "acme",
            "repository_id": "812345678",
            "repository_owner_id": "4711",
            "run_id": "9876543210",
            "run_number": "42",
            "run_attempt": "1",
            "actor": "octocat",
            "actor_id": "583231",
            "workflow": "release",
            "event_name": "push",
            "environment": "production",
            "ref_type": "branch",
            "ref_protected": "true",
            "job_workflow_ref": "acme/ci/.github/workflows/release.yml@refs/tags/v1.2.3",
            "runner_environment": "github-hosted",
        }
