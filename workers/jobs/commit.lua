-- Replaces one job's record if nobody else has changed it since it was read, and keeps every index
-- and the history in step with it: all of it happens, or none. Returns 1, or 0 where somebody was faster.
local job, events, waiting, bells, leases, all = unpack(KEYS)
local id, version, state, attempt, record = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local bell, created, lease_until, old_lease, keep_s, event = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]

if (redis.call('HGET', job, 'version') or '0') ~= version then
  return 0
end
redis.call('HSET', job, 'version', version + 1, 'state', state, 'attempt', attempt, 'record', record)
redis.call('ZADD', all, created, id)
if event ~= '' then
  redis.call('XADD', events, 'MAXLEN', '~', 1000, '*', 'event', event)
end

if state == 'queued' then
  redis.call('ZADD', waiting, created, id)
  redis.call('ZADD', bells, 'NX', bell, id)
else
  redis.call('ZREM', waiting, id)
  redis.call('ZREM', bells, id)
end

if state == 'running' or state == 'cancelling' then
  redis.call('ZADD', leases, 'NX', lease_until, id .. '/' .. attempt)
else
  redis.call('ZREM', leases, old_lease)
end

if keep_s ~= '' then
  redis.call('EXPIRE', job, keep_s)
  redis.call('EXPIRE', events, keep_s)
end
return 1
