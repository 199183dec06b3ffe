-- Decides what a call asks of its buckets, atomically, by this server's clock.
--
-- KEYS[k]  a bucket: "<TAT, us><latest time, us><expiry, us>" as three doubles, and where the TAT is no whole
--          number of microseconds, "<its ticks beyond><ticks a us>" as two more. Absent: full.
-- ARGV[j]  a step, nine doubles: bucket (its number k), what (1 take, 2 charge, 3 refund, 4 floor: the cost is a
--          TAT that it has at least; 5 give back what was charged at the TAT that stands for the most; 6 take, the
--          only step of its buckets; + 8: stands or falls with the next), ticks a us, the cost (us, ticks), the most
--          that the time until full may be after it (us, ticks), how many times, and the last of the buckets to
--          which the same is done, one by one.
-- Returns  of each bucket the value that it had, "?" if something else lies under its key; then the time in us.
--
-- The asker derives every answer from that, as this script does: with the arithmetic of include/sluice/ticks.h. All
-- numbers are whole and below 2^53, so doubles are exact.

if redis.replicate_commands then redis.replicate_commands() end  -- Redis 6 refuses to write after TIME without it.
local KEYS, call, pack, unpack_from, floor = KEYS, redis.call, struct.pack, struct.unpack, math.floor

local t = call('TIME')
local now = t[1] * 1000000 + t[2]
local old = call('MGET', unpack(KEYS))

-- Of a bucket's value: its clock, its time until full, its expiry. Nothing if it is not ours.
local function read(value, D)
  local tat, latest, till, beyond, D0
  if #value == 24 then
    tat, latest, till = unpack_from('<ddd', value)
    beyond = 0
  elseif #value == 40 then
    tat, latest, till, beyond, D0 = unpack_from('<ddddd', value)
    if D0 ~= D and beyond > 0 then tat, beyond = tat + 1, 0 end
  else
    return
  end
  local clock = now
  if latest > clock then clock = latest end  -- A clock that steps back makes no token.
  if tat < clock then return clock, 0, 0, till end
  return clock, tat - clock, beyond, till
end

local function write(k, clock, a, b, till, D)
  local key, value = KEYS[k], old[k]
  if a == 0 and b == 0 then
    if value then call('DEL', key) end
    return
  end
  -- It lives at least until it is full. Renewing an expiry costs as much as a step, so it lasts for several writes.
  local tat = clock + a
  local keep = value and till >= tat
  if not keep then till = math.min(tat + (tat - now) + 10000000, 9007199254740991) end
  local new = b == 0 and pack('<ddd', tat, clock, till) or pack('<ddddd', tat, clock, till, b, D)
  if not keep then
    local lives = math.ceil((till - now) / 1000)
    if value then
      call('SET', key, new, 'PX', lives)
    elseif not call('SET', key, new, 'PX', lives, 'NX') then
      old[k] = '?'  -- MGET shows nothing of what is no string.
    end
  elseif #new == #value then
    call('SETRANGE', key, '0', new)  -- In place: a third less than SET, and the expiry stays.
  else
    call('SET', key, new, 'KEEPTTL')
  end
end

-- Adds the cost up to n times, as often as the time until full stays within the most. Returns that, and how often.
local function take(a, b, D, cost_us, cost_ticks, most_us, most_ticks, n)
  local room = (most_us - a) * D + most_ticks - b
  if room < 0 then return a, b, 0 end
  local cost = cost_us * D + cost_ticks
  if cost == 0 then return a, b, n end
  if room < 9007199254740992 then
    local times = floor((room - room % cost) / cost)
    if times > n then times = n end
    local add = times * cost + b
    local rest = add % D
    return a + (add - rest) / D, rest, times
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
  return a, b, times
end

-- What most calls are made of: takes, each the only step of its bucket. Nothing needs to be kept for a later one.
local function take_each(first, D, cost_us, cost_ticks, most_us, most_ticks, n, last)
  for k = first, last do
    local value = old[k]
    local clock, a, b, till = now, 0, 0
    if value then clock, a, b, till = read(value, D) end
    if not clock then
      old[k] = '?'
    elseif n == 1 then
      a, b = a + cost_us, b + cost_ticks
      if b >= D then a, b = a + 1, b - D end
      if a < most_us or (a == most_us and b <= most_ticks) then write(k, clock, a, b, till, D) end
    else
      local times
      a, b, times = take(a, b, D, cost_us, cost_ticks, most_us, most_ticks, n)
      if times > 0 then write(k, clock, a, b, till, D) end
    end
  end
end

-- The rest; made when it is needed, since making tables and functions costs as much as a step.
local function steps()
  local at, us, ticks, per, changed, expiry = {}, {}, {}, {}, {}, {}  -- Of each bucket: its clock, its time until full, ticks a us.

  local function open(k, D)
    local value = old[k]
    if not value then
      at[k], us[k], ticks[k], per[k] = now, 0, 0, D
      return
    end
    at[k], us[k], ticks[k], expiry[k] = read(value, D)
    per[k] = at[k] and D or false
    if not at[k] then old[k] = '?' end
  end

  local function step(k, what, D, cost_us, cost_ticks, most_us, most_ticks, n)
    if not per[k] then return 0 end
    local a, b = us[k], ticks[k]
    if what == 1 then
      local times
      us[k], ticks[k], times = take(a, b, D, cost_us, cost_ticks, most_us, most_ticks, n)
      if times > 0 then changed[k] = true end
      return times
    end
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

  local chain
  local function add(first, what, D, cost_us, cost_ticks, most_us, most_ticks, n, last)
    for k = first, last do
      if per[k] == nil then open(k, D) end
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

  local function finish()
    for k = 1, #KEYS do
      if changed[k] then write(k, at[k], us[k], ticks[k], expiry[k], per[k]) end
    end
  end
  return add, finish
end

local add, finish
for j = 1, #ARGV do
  local first, what, D, cost_us, cost_ticks, most_us, most_ticks, n, last = unpack_from('<ddddddddd', ARGV[j])
  if what == 6 then
    take_each(first, D, cost_us, cost_ticks, most_us, most_ticks, n, last)
  else
    if not add then add, finish = steps() end
    add(first, what, D, cost_us, cost_ticks, most_us, most_ticks, n, last)
  end
end
if finish then finish() end

old[#KEYS + 1] = now
return old
