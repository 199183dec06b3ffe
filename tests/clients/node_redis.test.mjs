import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createClient } from 'redis';
import { freshBinaryKey, freshKey, host, port } from './resp.mjs';

for (const RESP of [2, 3]) {
  describe(`node-redis, RESP${RESP}`, () => {
    let client;
    before(async () => {
      client = createClient({ RESP, name: 'web', socket: { host, port, reconnectStrategy: false } });
      await client.connect();
    });
    after(() => client.destroy());

    test('connects, and its name is known', async () => {
      assert.equal(await client.ping(), 'PONG');
      assert.equal(await client.clientGetName(), 'web');
      assert.match((await client.sendCommand(['CLIENT', 'INFO'])).toString(), new RegExp(`resp=${RESP} lib-name=node-redis`));
    });

    test('CL.THROTTLE, every reply to its request in one pipeline', async () => {
      const key = freshKey();
      const replies = await Promise.all(
        Array.from({ length: 2000 }, (_, i) => client.sendCommand(['CL.THROTTLE', `${key}:${i}`, String(i), '1', '60'])));
      replies.forEach((reply, i) => assert.deepEqual(reply, [0, i + 1, i, -1, 60]));
    });

    test('binary keys are told apart', async () => {
      const [one, other] = [freshBinaryKey(), freshBinaryKey()];
      const limited = async (key) => (await client.sendCommand(['CL.THROTTLE', key, '0', '1', '3600']))[0];
      assert.deepEqual([await limited(one), await limited(one), await limited(other)], [0, 1, 0]);
    });

    test('a named limit', async () => {
      const key = freshKey();
      const reply = await client.sendCommand(['SLUICE.TAKE', 'login', key, '10']);
      if (RESP === 2) assert.deepEqual(reply, [1, 10, 0, '0', '120', '5/min burst 10']);
      else
        assert.deepEqual({ ...reply }, {
          allowed: true, limit: 10, remaining: 0, retry_after: 0, reset_after: 120, quota: '5/min burst 10',
        });
      const never = await client.sendCommand(['SLUICE.PEEK', 'login', key, '11']);
      assert.equal(RESP === 2 ? never[3] : never.retry_after, null);
    });

    test('what it asks of a server', async () => {
      assert.equal(await client.commandCount(), (await client.command()).length);
      assert.deepEqual({ ...(await client.configGet('save')) }, { save: '' });
      assert.match(await client.info('server'), /redis_mode:standalone/);
      await assert.rejects(client.get('k'), /unknown command/i);
      assert.equal(await client.ping(), 'PONG');
    });
  });
}
