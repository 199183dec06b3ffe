// What the RESP tests share: the server's address, from SLUICE_RESP=host:port, and fresh keys.
// The server has the limits  login: {quota: 5/min burst 10}  and  api: {quotas: [100/s burst 200, 10000/h]}.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

const address = process.env.SLUICE_RESP;
assert.ok(address, 'SLUICE_RESP=host:port says where the server is');
export const host = address.slice(0, address.lastIndexOf(':'));
export const port = Number(address.slice(address.lastIndexOf(':') + 1));

/** A key that no other test and no earlier run has used. */
export const freshKey = () => `test:${randomUUID()}`;

/** Bytes that are no text: every one of the 256, and a fresh tail. */
export const freshBinaryKey = () =>
  Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, i) => i)), Buffer.from(randomUUID())]);
