-- What wrk sends: each line of the file TARGETS ("path token body", the last two may be empty) in turn, and how it reports.

local requests, turn = {}, 0

function init()
   for line in io.lines(os.getenv("TARGETS")) do
      local path, token, body = line:match("^(%S+) ?(%S*) ?(.*)$")
      local headers = {}
      if token ~= "" then headers["Authorization"] = "Bearer " .. token end
      if body == "" then body = nil else headers["Content-Type"] = "application/json" end
      requests[#requests + 1] = wrk.format(os.getenv("METHOD"), path, headers, body)
   end
end

function request()
   turn = turn % #requests + 1
   return requests[turn]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      'RESULT {"requests": %d, "perSecond": %f, "p50": %f, "p95": %f, "p99": %f, "failed": %d}\n',
      summary.requests, summary.requests / (summary.duration / 1e6),
      latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
