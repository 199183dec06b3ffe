import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { call, client, descriptor, fresh, grpc } from './grpc.mjs';

const { status } = grpc;

describe('@grpc/grpc-js', () => {
  let service;
  before(() => { service = client('RateLimitService'); });
  after(() => service.close());
  const ask = (descriptors, more = {}, ...rest) =>
    call(service, 'ShouldRateLimit', { domain: 'test', descriptors, ...more }, ...rest);

  test('a burst of 5, then refusals that name their rule', async () => {
    const user = fresh();
    for (let left = 4; left >= 0; --left) {
      const answer = await ask([descriptor({ user })]);
      assert.equal(answer.overall_code, 'OK');
      const [first] = answer.statuses;
      assert.deepEqual([first.code, first.limit_remaining], ['OK', left]);
      assert.deepEqual(first.current_limit, { name: '', requests_per_unit: 5, unit: 'HOUR' });
      assert.ok(first.duration_until_reset.seconds <= 720 * (5 - left), first.duration_until_reset.seconds);
      assert.ok(first.duration_until_reset.seconds > 720 * (5 - left) - 60, first.duration_until_reset.seconds);
    }
    const refused = await ask([descriptor({ user })]);
    assert.equal(refused.overall_code, 'OVER_LIMIT');
    assert.equal(refused.statuses[0].code, 'OVER_LIMIT');
    assert.equal(refused.dynamic_metadata.fields.rule.stringValue, 'test.user');
    assert.equal(refused.dynamic_metadata.fields.descriptor.stringValue, `user=${user}`);
    assert.ok(refused.dynamic_metadata.fields.retry_after.numberValue <= 720);
  });

  test('2,000 calls, 200 at once, of which 1,000 may pass', async () => {
    const many = fresh();
    const counts = { OK: 0, OVER_LIMIT: 0 };
    const worker = async () => {
      for (let i = 0; i < 10; ++i) {
        const answer = await ask([descriptor({ many }), descriptor({ free: 'x' })]);
        assert.equal(answer.statuses.length, 2);
        assert.deepEqual([answer.statuses[1].code, answer.statuses[1].limit_remaining], ['OK', 4294967295]);
        ++counts[answer.overall_code];
      }
    };
    await Promise.all(Array.from({ length: 200 }, worker));
    assert.deepEqual(counts, { OK: 1000, OVER_LIMIT: 1000 });
  });

  test('all or nothing', async () => {
    const both = [descriptor({ user: fresh() }), descriptor({ tenant: fresh() })];
    for (let i = 0; i < 2; ++i) assert.equal((await ask(both)).overall_code, 'OK');
    for (let i = 0; i < 3; ++i) {
      const answer = await ask(both);
      assert.deepEqual(answer.statuses.map((s) => [s.code, s.limit_remaining]), [['OK', 3], ['OVER_LIMIT', 0]]);
      assert.equal(answer.statuses[1].current_limit.name, 'per_tenant');
    }
  });

  test('hits, of the request and of the descriptor', async () => {
    const user = fresh();
    assert.equal((await ask([descriptor({ user })], { hits_addend: 3 })).statuses[0].limit_remaining, 2);
    assert.equal((await ask([descriptor({ user }, { hits_addend: { value: 0 } })])).statuses[0].limit_remaining, 2);
    assert.equal((await ask([descriptor({ user }, { hits_addend: { value: 2 } })])).statuses[0].limit_remaining, 0);
  });

  test('a limit that the request brings, shadow mode, and what matches nothing', async () => {
    const own = descriptor({ user: fresh() }, { limit: { requests_per_unit: 1, unit: 'DAY' } });
    assert.equal((await ask([own])).overall_code, 'OK');
    assert.equal((await ask([own])).overall_code, 'OVER_LIMIT');
    const path = `/pay/${fresh()}`;
    for (let i = 0; i < 3; ++i) assert.equal((await ask([descriptor({ path })])).overall_code, 'OK');
    const nothing = await ask([descriptor({ nobody: 'knows' })]);
    assert.deepEqual([nothing.overall_code, nothing.statuses[0].current_limit], ['OK', null]);
  });

  test('errors are those of the reference', async () => {
    await assert.rejects(ask([descriptor({ user: 'u' })], { domain: '' }),
      { code: status.UNKNOWN, details: 'rate limit domain must not be empty' });
    await assert.rejects(ask([]), { code: status.UNKNOWN, details: 'rate limit descriptor list must not be empty' });
    const unknown = new grpc.Client(service.getChannel().getTarget().replace(/^dns:/, ''), grpc.credentials.createInsecure());
    await assert.rejects(new Promise((resolve, reject) =>
      unknown.makeUnaryRequest('/test.Söme/Thing%', (x) => x, (x) => x, Buffer.alloc(0), (e, r) => (e ? reject(e) : resolve(r)))),
    { code: status.UNIMPLEMENTED });
    unknown.close();
  });

  test('messages compressed by gzip, and large ones', async () => {
    const packed = client('RateLimitService', { 'grpc.default_compression_algorithm': 2 });
    const descriptors = Array.from({ length: 30 }, () => descriptor({ user: fresh() + 'x'.repeat(1000) }));
    const answer = await call(packed, 'ShouldRateLimit', { domain: 'test', descriptors });
    assert.deepEqual(answer.statuses.map((s) => s.limit_remaining), descriptors.map(() => 4));
    packed.close();
    const huge = [descriptor({ user: 'x'.repeat(300_000) })];
    await assert.rejects(ask(huge), { code: status.RESOURCE_EXHAUSTED });
  });

  test('deadlines: a long one is met, a passed one is an error', async () => {
    assert.equal((await ask([descriptor({ user: fresh() })], {}, undefined, { deadline: Date.now() + 60_000 })).overall_code, 'OK');
    await assert.rejects(ask([descriptor({ user: fresh() })], {}, undefined, { deadline: Date.now() - 1 }),
      { code: status.DEADLINE_EXCEEDED });
  });

  test('cancelled calls leave the connection whole', async () => {
    for (let i = 0; i < 50; ++i) {
      const request = { domain: 'test', descriptors: [descriptor({ user: fresh() })] };
      await new Promise((resolve) => { service.ShouldRateLimit(request, () => resolve()).cancel(); });
    }
    assert.equal((await ask([descriptor({ user: fresh() })])).overall_code, 'OK');
  });

  test('health: Check, and Watch as a stream', async () => {
    const health = client('Health');
    for (const service of ['', 'ratelimit', 'envoy.service.ratelimit.v3.RateLimitService'])
      assert.equal((await call(health, 'Check', { service })).status, 'SERVING');
    await assert.rejects(call(health, 'Check', { service: 'other' }), { code: status.NOT_FOUND });
    const watch = health.Watch({ service: '' });
    const first = await new Promise((resolve, reject) => watch.on('data', resolve).on('error', reject));
    assert.equal(first.status, 'SERVING');
    watch.removeAllListeners('error').on('error', () => {});
    watch.cancel();
    health.close();
  });

  test('reflection names the services and their files', async () => {
    const reflection = client('Reflection');
    const stream = reflection.ServerReflectionInfo();
    const answers = [];
    const done = new Promise((resolve, reject) => stream.on('data', (a) => answers.push(a)).on('end', resolve).on('error', reject));
    stream.write({ list_services: '' });
    stream.write({ file_containing_symbol: 'envoy.service.ratelimit.v3.RateLimitService' });
    stream.end();
    await done;
    const names = answers[0].list_services_response.service.map((s) => s.name);
    assert.ok(names.includes('envoy.service.ratelimit.v3.RateLimitService'), names);
    assert.ok(answers[1].file_descriptor_response.file_descriptor_proto.length >= 5);
    reflection.close();
  });
});
