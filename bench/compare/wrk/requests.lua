-- Sends the requests of one section and prints what came of it as one line of JSON.
--
-- TOKENS: a file with one token a line; each request takes the next, and after the last the first.
-- ONCE=1: no token is sent twice; it ends after the last.
-- CLOSE=1: a new connection for each request.
-- PAUSE: mean pause of a connection between two requests, in ms; 0 for none.

local requests, at, pause = {}, 0, tonumber(os.getenv("PAUSE") or "0")
local once, ended = os.getenv("ONCE") == "1", false

function init(_)
    local headers = {}
    if os.getenv("CLOSE") == "1" then headers["Connection"] = "close" end
    for token in io.lines(os.getenv("TOKENS")) do
        headers["Authorization"] = "Bearer " .. token
        requests[#requests + 1] = wrk.format("GET", nil, headers)
    end
    math.randomseed(7)
end

function request()
    at = at + 1
    if at > #requests then
        -- A thread that stops does not end wrk, which sleeps. The parent of this shell is wrk,
        -- which hears no signal until the shell has ended.
        if once and not ended then
            ended = true
            os.execute("(sleep 0.1; kill -INT $PPID) &")
            wrk.thread:stop()
        end
        at = 1
    end
    return requests[at]
end

if pause > 0 then
    -- Pauses differ, so that connections do not march in step.
    function delay() return math.random(0, 2 * pause) end
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "us": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}\n',
        summary.requests, summary.duration, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
