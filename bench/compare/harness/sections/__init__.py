"""The sections of the comparison, in the order in which they run."""

from . import churn, flat, forged, herd, identities, latency, memory, never_seen, start, upload, warm

ALL = {
    "warm": warm.run,
    "identities": identities.run,
    "never-seen": never_seen.run,
    "forged": forged.run,
    "churn": churn.run,
    "latency": latency.run,
    "upload": upload.run,
    "memory": memory.run,
    "start": start.run,
    "herd": herd.run,
    "flat": flat.run,
}
