-- SPDX-FileCopyrightText: The Cloister authors
-- SPDX-License-Identifier: Apache-2.0

-- Sends the requests of a file, one after another and over again. A line of it is
-- a method, a path and a body, with tabs between them. Prints one JSON object.
--
--   BENCH_KEY=… wrk -s wrk.lua … -- FILE

local requests, sent = {}, 0

function init(arguments)
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
  wrk.headers["Content-Type"] = "application/json"
  for line in io.lines(arguments[1]) do
    local method, path, body = line:match("^(%u+)\t([^\t]*)\t(.*)$")
    requests[#requests + 1] = wrk.format(method, path, nil, body ~= "" and body or nil)
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
