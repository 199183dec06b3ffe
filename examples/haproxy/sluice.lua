-- HAProxy asks Sluice before a request goes on. Needs HAProxy 2.6 or newer, built with Lua.
--
--   http-request lua.sluice LIMIT VARIABLE
--       takes a token from the limit of this name; the variable holds the key. Like POST /v1/take.
--   http-request lua.sluice_policy DOMAIN ENTRIES
--       asks the policies. ENTRIES is key=variable, joined by "," within a descriptor, by "+" between descriptors:
--       remote_address=txn.address+tenant=txn.tenant,path=txn.path. A descriptor with an unset variable is left out,
--       as Envoy does; if none is left, nothing is asked. Like POST /json.
--
-- Neither lets the request pass or stops it; each sets variables, and the configuration says what follows from them:
--
--   txn.sluice          allowed, refused, away (no answer, or 5xx) or error (Sluice understood, and did not agree)
--   txn.sluice_policy_field, txn.sluice_field, txn.sluice_retry
--                       what belongs into RateLimit-Policy, RateLimit and Retry-After; unset where there is nothing
--
-- Sluice is asked through a listener of HAProxy itself, which the variable proc.sluice_at names: there stand the address,
-- the times and the checks, and connections are kept.

local OUTCOMES = {[200] = "allowed", [429] = "refused"}

--- Any bytes as a JSON string. What is not UTF-8 is read as Latin-1, so that no client can make a malformed question.
local function json(text)
  text = tostring(text)
  if not utf8.len(text) or text:find("\xED[\xA0-\xBF]") then
    text = text:gsub("[\x80-\xFF]", function(c) return utf8.char(c:byte()) end)
  end
  return '"' .. text:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
end

local function ask(txn, path, body)
  local done, answer = pcall(function()
    return core.httpclient():post{url = "http://sluice" .. path, dst = txn:get_var("proc.sluice_at"), body = body,
                                  headers = {["content-type"] = {"application/json"}}}
  end)
  return done and answer or {}
end

local function tell(txn, answer, field)
  local status = answer.status or 0
  local outcome = OUTCOMES[status] or ((status == 0 or status >= 500) and "away" or "error")
  txn:set_var("txn.sluice", outcome)
  if outcome == "error" then txn:Warning("sluice: " .. status .. " " .. (answer.body or "")) end
  for name, variable in pairs{["ratelimit-policy"] = "txn.sluice_policy_field", ratelimit = "txn.sluice_field",
                              ["retry-after"] = "txn.sluice_retry"} do
    local value = OUTCOMES[status] and field(name)
    if value then txn:set_var(variable, value) else txn:unset_var(variable) end
  end
end

core.register_action("sluice", {"http-req"}, function(txn, limit, variable)
  local key = txn:get_var(variable)
  local answer = ask(txn, "/v1/take", '{"limit":' .. json(limit) .. ',"key":' .. json(key or "") .. "}")
  tell(txn, answer, function(name) return answer.headers and answer.headers[name] and answer.headers[name][0] end)
end, 2)

--- The descriptors as JSON; nil if there are none.
local function descriptors(txn, wanted)
  local whole = {}
  for descriptor in wanted:gmatch("[^+]+") do
    local entries = {}
    for key, variable in descriptor:gmatch("([^,=]+)=([^,=]+)") do
      local value = txn:get_var(variable)
      if value == nil then entries = nil; break end
      entries[#entries + 1] = '{"key":' .. json(key) .. ',"value":' .. json(value) .. "}"
    end
    if entries then whole[#whole + 1] = '{"entries":[' .. table.concat(entries, ",") .. "]}" end
  end
  return #whole > 0 and "[" .. table.concat(whole, ",") .. "]" or nil
end

--- A field of responseHeadersToAdd. Sluice's values hold no other escape than \".
local function field_of(body, wanted)
  for name, value in body:gsub('\\"', "\1"):gmatch('"key":"([^"]*)","value":"([^"]*)"') do
    if name:lower() == wanted then return (value:gsub("\1", '"')) end
  end
end

core.register_action("sluice_policy", {"http-req"}, function(txn, domain, wanted)
  local list = descriptors(txn, wanted)
  if not list then return txn:set_var("txn.sluice", "allowed") end
  local answer = ask(txn, "/json", '{"domain":' .. json(domain) .. ',"descriptors":' .. list .. "}")
  tell(txn, answer, function(name) return field_of(answer.body or "", name) end)
end, 2)
