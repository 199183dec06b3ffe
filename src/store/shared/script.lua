-- Decides what a call asks of its buckets, atomically, by this server's clock.
--
-- KEYS[k]  a bucket: "<TAT, us><latest time, us><expiry, us>" as three doubles, and where the TAT is no whole
--          number of microseconds, "<its ticks beyond><ticks a us>" as two more. Absent: full.
-- ARGV[j]  a step, nine doubles: bucket (its number k), what (1 take, 2 charge, 3 refund, 4 floor: the cost is a
--          TAT that it has at least; 5 give back what was charged at the TAT that stands for the most; + 8: stands or falls with the next), ticks a us,
--          the cost (us, ticks), the most that the time until full may be after it (us, ticks), how many times, and the last of the buckets to which the same is done, one by one.
-- Returns  the time in us, and of each bucket the value that it had; "?" if something else lies under its key.
--
-- The asker derives every answer from that, as this script does: with the arithmetic of include/sluice/ticks.h. All
-- numbers are whole and below 2^53, so doubles are exact.

if redis.replicate_commands then redis.replicate_commands() end  -- Redis 6 refuses to write after TIME without it.
local call, pack, unpack_from, floor = redis.call, struct.pack, struct.unpack, math.floor

local t = call('TIME')
local now = t[1] * 1000000 + t[2]
local old = call('MGET', unpack(KEYS))
local at, us, ticks, per, changed, expiry = {}, {}, {}, {}, {}, {}  -- Of each bucket: its clock, its time until full, ticks a us.

-- What is rare; made when it is needed, since making a function costs as much as a step.
local function rare()
  -- Adds the cost up to n times, as often as the time until full stays within the most; returns how often.
  local function take(k, D, cost_us, cost_ticks, most_us, most_ticks, n)
    local a, b = us[k], ticks[k]
    local room = (most_us - a) * D + most_ticks - b
    if room < 0 then return 0 end
    local cost = cost_us * D + cost_ticks
    if cost == 0 then return n end
    if room < 9007199254740992 then
      local times = floor((room - room % cost) / cost)
      if times > n then times = n end
      local add = times * cost + b
      local rest = add % D
      us[k], ticks[k] = a + (add - rest) / D, rest
      return times
    end
    -- Beyond 2^53 ticks: by halves, in microseconds and ticks.
    local powers, times, power = {}, 0, 1
    local u, v = cost_us, cost_ticks
    while power <= n and u <= most_us do
      powers[#powers + 1] = {power, u, v}
      u, v, power = u + u, v + v, power + power
      if v >= D then u, v = u + 1, v - D end
    end
    for i = #powers, 1, -1 do
      local x, y = a + powers[i][2], b + powers[i][3]
      if y >= D then x, y = x + 1, y - D end
      if times + powers[i][1] <= n and (x < most_us or (x == most_us and y <= most_ticks)) then
        a, b, times = x, y, times + powers[i][1]
      end
    end
    us[k], ticks[k] = a, b
    return times
  end

  local function step(k, what, D, cost_us, cost_ticks, most_us, most_ticks, n)
    if not per[k] then return 0 end
    if what == 1 then
      local times = take(k, D, cost_us, cost_ticks, most_us, most_ticks, n)
      if times > 0 then changed[k] = true end
      return times
    end
    local a, b = us[k], ticks[k]
    if what == 4 then
      local floor_us = cost_us - at[k]
      if floor_us > a or (floor_us == a and cost_ticks > b) then us[k], ticks[k], changed[k] = floor_us, cost_ticks, true end
      return 1
    end
    if what == 5 then  -- Since then the bucket, without that charge, would have been filled by so much.
      local gone_us, gone_ticks = at[k] - most_us, -most_ticks
      if gone_ticks < 0 then gone_us, gone_ticks = gone_us - 1, gone_ticks + D end
      if gone_us >= 0 then
        cost_us, cost_ticks = cost_us - gone_us, cost_ticks - gone_ticks
        if cost_ticks < 0 then cost_us, cost_ticks = cost_us - 1, cost_ticks + D end
        if cost_us < 0 then return 1 end
      end
    end
    changed[k] = true
    if what == 2 then
      a, b = a + cost_us, b + cost_ticks
      if b >= D then a, b = a + 1, b - D end
      if a > most_us or (a == most_us and b > most_ticks) then a, b = most_us, most_ticks end
    else
      a, b = a - cost_us, b - cost_ticks
      if b < 0 then a, b = a - 1, b + D end
      if a < 0 then a, b = 0, 0 end
    end
    us[k], ticks[k] = a, b
    return n
  end

  -- The steps stand or fall together; each is done as often as the rarest.
  local function together(chain)
    local was_us, was_ticks, was_changed = {}, {}, {}
    for _, s in ipairs(chain) do
      local k = s[1]
      if was_us[k] == nil then was_us[k], was_ticks[k], was_changed[k] = us[k], ticks[k], changed[k] or false end
    end
    local function back()
      for k, v in pairs(was_us) do us[k], ticks[k], changed[k] = v, was_ticks[k], was_changed[k] end
    end
    local fewest, again
    for _, s in ipairs(chain) do
      local times = step(unpack(s))
      if times == 0 then return back() end
      if fewest and times ~= fewest then again = true end
      if not fewest or times < fewest then fewest = times end
    end
    if not again then return end
    back()
    for _, s in ipairs(chain) do step(s[1], s[2], s[3], s[4], s[5], s[6], s[7], fewest) end
  end
  return step, together
end

local step, together, chain
for j = 1, #ARGV do
  local first, what, D, cost_us, cost_ticks, most_us, most_ticks, n, last = unpack_from('<ddddddddd', ARGV[j])
  local plain = what == 1 and n == 1 and not chain
  for k = first, last do
    local a, b = us[k], ticks[k]
    if not a then
      a, b = 0, 0
      local clock, value, own = now, old[k], D
      if value then
        local tat, latest, till, beyond, D0
        if #value == 24 then
          tat, latest, till = unpack_from('<ddd', value)
          beyond = 0
        elseif #value == 40 then
          tat, latest, till, beyond, D0 = unpack_from('<ddddd', value)
          if D0 ~= D and beyond > 0 then tat, beyond = tat + 1, 0 end
        else
          own = false
        end
        if own then
          if latest > clock then clock = latest end  -- A clock that steps back makes no token.
          if tat >= clock then a, b = tat - clock, beyond end
          expiry[k] = till
        end
      end
      at[k], us[k], ticks[k], per[k] = clock, a, b, own
    end
    if plain then
      if per[k] then
        a, b = a + cost_us, b + cost_ticks
        if b >= D then a, b = a + 1, b - D end
        if a < most_us or (a == most_us and b <= most_ticks) then us[k], ticks[k], changed[k] = a, b, true end
      end
    else
      if not step then step, together = rare() end
      if what > 8 or chain then
        chain = chain or {}
        chain[#chain + 1] = {k, what % 8, D, cost_us, cost_ticks, most_us, most_ticks, n}
        if what < 8 then
          together(chain)
          chain = nil
        end
      else
        step(k, what, D, cost_us, cost_ticks, most_us, most_ticks, n)
      end
    end
  end
end

local reply = {now}
for k = 1, #KEYS do
  local value = old[k]
  if changed[k] then
    local a, b, clock = us[k], ticks[k], at[k]
    if a == 0 and b == 0 then
      if value then call('DEL', KEYS[k]) end
    else
      -- It lives at least until it is full. Renewing an expiry costs as much as a step, so it lasts for several writes.
      local tat, till = clock + a, expiry[k]
      local keep = value and till >= tat
      if not keep then till = math.min(tat + (tat - now) + 10000000, 9007199254740991) end
      local new = b == 0 and pack('<ddd', tat, clock, till) or pack('<ddddd', tat, clock, till, b, per[k])
      if keep then
        call('SET', KEYS[k], new, 'KEEPTTL')
      elseif value then
        call('SET', KEYS[k], new, 'PX', math.ceil((till - now) / 1000))
      elseif not call('SET', KEYS[k], new, 'PX', math.ceil((till - now) / 1000), 'NX') then
        value = '?'
      end
    end
  elseif per[k] == false then
    value = '?'
  end
  reply[k + 1] = value
end
return reply
