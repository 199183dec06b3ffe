import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { freshBinaryKey, freshKey, host, port } from './resp.mjs';

for (const protocol of [2, 3]) {
  describe(`ioredis, RESP${protocol}`, () => {
    let redis;
    before(async () => {
      redis = new Redis({ host, port, protocol, connectionName: 'web', lazyConnect: true, maxRetriesPerRequest: 1 });
      await redis.connect(); // Waits for INFO's "loading", and names the connection.
    });
    after(() => redis.disconnect());

    test('connects, and its name is known', async () => {
      assert.equal(await redis.ping(), 'PONG');
      assert.equal(await redis.client('GETNAME'), 'web');
      assert.match(await redis.info(), /redis_version:/);
    });

    test('CL.THROTTLE: a burst of 16, then refusals', async () => {
      const key = freshKey();
      for (let i = 0; i < 16; ++i) {
        const [limited, limit, remaining, retry, reset] = await redis.call('CL.THROTTLE', key, 15, 1, 3600);
        assert.deepEqual([limited, limit, remaining, retry], [0, 16, 15 - i, -1]);
        assert.ok(reset > 3600 * i && reset <= 3600 * (i + 1), `reset ${reset}`);
      }
      const [limited, limit, remaining, retry] = await redis.call('CL.THROTTLE', key, 15, 1, 3600);
      assert.deepEqual([limited, limit, remaining], [1, 16, 0]);
      assert.ok(retry > 3500 && retry <= 3600, `retry ${retry}`);
      assert.deepEqual((await redis.call('CL.THROTTLE', key, 15, 1, 3600, 17)).slice(0, 4), [1, 16, 0, -1]);
    });

    test('a pipeline of 10,000: every reply belongs to its request', async () => {
      const key = freshKey();
      const pipeline = redis.pipeline();
      for (let i = 0; i < 10_000; ++i)
        i % 3 === 0 ? pipeline.echo(`e${i}`) : pipeline.call('CL.THROTTLE', `${key}:${i}`, i, 1, 60);
      const replies = await pipeline.exec();
      replies.forEach(([error, reply], i) => {
        assert.equal(error, null);
        if (i % 3 === 0) assert.equal(reply, `e${i}`);
        else assert.deepEqual(reply, [0, i + 1, i, -1, 60]);
      });
    });

    test('binary keys are told apart', async () => {
      const [one, other] = [freshBinaryKey(), freshBinaryKey()];
      const limited = async (key) => (await redis.call('CL.THROTTLE', key, 0, 1, 3600))[0];
      assert.deepEqual([await limited(one), await limited(one), await limited(other), await limited(other)], [0, 1, 0, 1]);
    });

    test('GCRA and the named limits', async () => {
      const key = freshKey();
      assert.deepEqual(await redis.call('GCRA', key, 5, 1, 3600.5, 'TOKENS', 6), [0, 6, 0, -1, 21603]);
      // ioredis makes a flat list of RESP3's map.
      const named = async (...args) => {
        const reply = await redis.call(...args);
        const values = reply[0] === 'allowed' ? reply.filter((_, i) => i % 2 === 1) : reply;
        const [allowed, limit, remaining, retry, reset, quota] = values;
        return { allowed: Number(allowed), limit, remaining, retry: Number(retry), reset: Number(reset), quota };
      };
      const quota = '5/min burst 10';
      assert.deepEqual(await named('SLUICE.TAKE', 'login', key, 10),
        { allowed: 1, limit: 10, remaining: 0, retry: 0, reset: 120, quota });
      const refused = await named('SLUICE.TAKE', 'login', key);
      assert.deepEqual([refused.allowed, refused.limit, refused.remaining], [0, 10, 0]);
      assert.ok(refused.retry > 0 && refused.retry <= 12, refused.retry);
      assert.deepEqual(await named('SLUICE.RESET', 'login', key),
        { allowed: 1, limit: 10, remaining: 10, retry: 0, reset: 0, quota });
    });

    test('errors are errors, and the connection lives on', async () => {
      await assert.rejects(redis.call('CL.THROTTLE', 'k', 'x', 1, 1), /Couldn't parse as integer: x/);
      await assert.rejects(redis.get('k'), /unknown command/i);
      assert.equal(await redis.ping(), 'PONG');
    });

    test('quits', async () => {
      const other = new Redis({ host, port, protocol });
      assert.equal(await other.quit(), 'OK');
    });
  });
}
