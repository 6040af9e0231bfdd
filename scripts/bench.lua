-- What wrk sends: each line of the file TARGETS ("path token") in turn, and how it reports.

local requests, turn = {}, 0

function init()
   local body = os.getenv("BODY")
   for line in io.lines(os.getenv("TARGETS")) do
      local path, token = line:match("^(%S+) ?(%S*)$")
      local headers = {}
      if token ~= "" then headers["Authorization"] = "Bearer " .. token end
      if body then headers["Content-Type"] = "application/json" end
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
      'RESULT {"perSecond": %f, "p50": %f, "p95": %f, "p99": %f, "failed": %d}\n',
      summary.requests / (summary.duration / 1e6),
      latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
