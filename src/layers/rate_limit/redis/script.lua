-- Counts one key by GCRA, for all quotas of a limit at once: either all of them change, or none.
--
-- KEYS[1]  the only key
-- ARGV[1]  the operation: take, charge, block, peek or reset
-- ARGV[2]  take: the minimum number of units; charge: the units, negative to give back;
--          block: the duration in nanoseconds
-- ARGV[3]  take: the maximum number of units
-- ARGV[4]  take: unused units of an earlier take, which are given back first
-- ARGV[5]  the time in nanoseconds; empty for the server's own
-- ARGV[6]  from here on: name, interval and length (`refill_time`) of each quota, in nanoseconds
--
-- Returns the units that were taken, a bit for each quota that is spent, and for each quota the
-- nanoseconds until it is full. The value is the time at which it was written, then the name,
-- time until full, interval and length of each quota that is not full.
--
-- Lua's numbers are exact up to 2^53, so all durations end there. Times may be larger, so they are
-- strings whose seconds and fractions are subtracted separately. Larger intermediate results (units
-- to charge times an interval) are cut before they are used, and rounding does not make them smaller
-- than 2^53.

local key, what = KEYS[1], ARGV[1]
if what == 'reset' then
  redis.call('DEL', key)
  return {0, 0}
end

local MAX_UNTIL_FULL = 9007199254740991
local amount, max, back = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

-- The time, the number of digits of its fractional seconds, and extra milliseconds for which the
-- value is kept: the caller's own clock may not run at the same speed as the server's.
local now, digits, spare = ARGV[5], 9, 3600000
if now == '' then
  local time = redis.call('TIME')
  now, digits, spare = time[1] .. string.format('%06d', time[2]), 6, 0
end

-- Nanoseconds from one time to another.
local function between(from, to)
  local function seconds(time) return tonumber(string.sub(time, 1, -digits - 1)) or 0 end
  local function fraction(time) return tonumber(string.sub(time, -digits)) or 0 end
  local parts = fraction(to) - fraction(from)
  return (seconds(to) - seconds(from)) * 1000000000 + parts * 10 ^ (9 - digits)
end

-- The stored state of the key. If the clock was set back, the times until full count from now on.
local known, changed = {}, false
local value = redis.call('GET', key)
if value then
  local written, rest = string.match(value, '^(%d+)\n(.*)$')
  local elapsed = between(written or now, now)
  if elapsed < 0 then
    elapsed, changed = 0, true
  end
  local quota = '([^\n]+)\n(%d+)\n(%d+)\n(%d+)\n'
  for name, until_full, interval, refill_time in string.gmatch(rest or '', quota) do
    known[name] = {until_full - elapsed, tonumber(interval), tonumber(refill_time)}
  end
end

local answer, quotas, spent = {0, 0}, {}, 0
for at = 6, #ARGV, 3 do
  local interval, refill_time = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local old, until_full = known[ARGV[at]], 0
  if old and old[1] > 0 then
    until_full = old[1]
    -- Another deployment has a different quota with this name. The units that were spent stay spent,
    -- but lock no client out for longer than this quota takes to be replenished.
    if old[2] ~= interval or old[3] ~= refill_time then
      until_full = math.min(refill_time, math.floor(until_full / old[2] * interval))
      changed = true
    end
  end
  if what == 'take' then
    until_full = math.max(0, until_full - back * interval)
    local room = math.floor((refill_time - until_full) / interval)
    if room < amount then
      spent = spent + 2 ^ #quotas
    end
    max = math.min(max, room)
  elseif what == 'charge' then
    until_full = math.min(MAX_UNTIL_FULL, math.max(0, until_full + amount * interval))
  elseif what == 'block' then
    until_full = math.min(MAX_UNTIL_FULL, math.max(until_full, refill_time - interval + amount))
  end
  quotas[#quotas + 1] = {ARGV[at], interval, refill_time, until_full}
end

local taken = 0
if what == 'take' then
  changed = changed or back > 0
  if spent == 0 and max > 0 then
    taken, changed = max, true
  end
elseif what ~= 'peek' then
  changed = true
end
answer[1], answer[2] = taken, spent
for n, quota in ipairs(quotas) do
  quota[4] = quota[4] + taken * quota[2]
  answer[n + 2] = quota[4]
  known[quota[1]] = {quota[4], quota[2], quota[3]}
end

if changed then
  local parts, furthest = {now .. '\n'}, 0
  for name, quota in pairs(known) do
    if quota[1] > 0 then
      local numbers = string.format('\n%.0f\n%.0f\n%.0f\n', quota[1], quota[2], quota[3])
      parts[#parts + 1] = name .. numbers
      furthest = math.max(furthest, quota[1])
    end
  end
  if furthest > 0 then
    local left = string.format('%.0f', math.ceil(furthest / 1000000) + spare)
    redis.call('SET', key, table.concat(parts), 'PX', left)
  elseif value then
    redis.call('DEL', key)
  end
end
return answer
