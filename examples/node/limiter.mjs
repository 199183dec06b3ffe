// The library from Node.js, by koffi (npm install koffi): no build of one's own. Calls are synchronous and take about a
// microsecond. SLUICE_LIBRARY names the library's file if the loader does not find it.
import { createRequire } from 'node:module';

const koffi = createRequire(import.meta.url)('koffi');

const ABI = 1;
const NOW = -(2n ** 63n);

const library = koffi.load(process.env.SLUICE_LIBRARY ?? `libsluice.so.${ABI}`);
koffi.struct('sluice_quota', { capacity: 'int64_t', tokens: 'int64_t', period_ns: 'int64_t' });
koffi.struct('sluice_error', { code: 'int32_t', message: koffi.array('char', 508) });
koffi.struct('sluice_decision', {
  granted: 'int64_t', capacity: 'int64_t', remaining: 'int64_t', retry_after_ns: 'int64_t',
  reset_after_ns: 'int64_t', due_after_ns: 'int64_t', outcome: 'int32_t', reserved: 'int32_t',
});
koffi.opaque('sluice_limiter');

const abi = library.func('int32_t sluice_abi()');
const codeText = library.func('const char *sluice_code_text(int32_t code)');
const quotaParse = library.func('int32_t sluice_quota_parse(const char *text, _Out_ sluice_quota *quota, _Out_ sluice_error *error)');
const limiterNew = library.func(
  'int32_t sluice_limiter_new(sluice_quota *quotas, size_t count, void *options, _Out_ sluice_limiter **limiter, _Out_ sluice_error *error)');
const limiterFree = library.func('void sluice_limiter_free(sluice_limiter *limiter)');
const limiterTake = library.func(
  'int32_t sluice_limiter_take(sluice_limiter *limiter, const void *key, size_t size, int64_t cost, int64_t now, _Out_ sluice_decision *decision)');

function parse(text) {
  const quota = {}, error = {};
  if (quotaParse(text, quota, error)) throw new RangeError(error.message);
  return quota;
}

const handles = new FinalizationRegistry(limiterFree);

export class Limiter {
  #handle;

  constructor(...quotas) {
    const out = [null], error = {};
    if (limiterNew(quotas.map(parse), quotas.length, null, out, error)) throw new RangeError(error.message);
    this.#handle = out[0];
    handles.register(this, this.#handle);
  }

  /** {allowed, remaining, retryAfter in seconds} */
  take(key, cost = 1) {
    const bytes = Buffer.from(key), decision = {};
    const code = limiterTake(this.#handle, bytes, bytes.length, cost, NOW, decision);
    if (code) throw new RangeError(codeText(code));
    return {
      allowed: decision.outcome === 0,
      remaining: Number(decision.remaining),
      retryAfter: decision.outcome === 2 ? Infinity : Number(decision.retry_after_ns) / 1e9,
    };
  }
}

console.log(`libsluice ABI ${abi()}`);
try {
  parse('2/fortnight');
} catch (error) {
  console.log(error.message);
}
const limiter = new Limiter('2/h');
for (const key of ['alice', 'alice', 'alice', 'bob']) {
  const d = limiter.take(key);
  console.log(d.allowed ? `${key}: allowed, ${d.remaining} left` : `${key}: refused, try again in ${Math.floor(d.retryAfter) + 1} s`);
}
