// What the gRPC tests share: the server's address, from SLUICE_GRPC=host:port, its protos, and fresh values.
// The server has the policy in grpc_policy.yaml beside this file.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const address = process.env.SLUICE_GRPC;
assert.ok(address, 'SLUICE_GRPC=host:port says where the server is');

const protos = fileURLToPath(new URL('../../src/door/grpc/proto', import.meta.url));
const load = (file) =>
  grpc.loadPackageDefinition(loadSync(file, { includeDirs: [protos], enums: String, longs: Number, defaults: true, keepCase: true }));

export { grpc };
const services = {
  RateLimitService: load('envoy/service/ratelimit/v3/rls.proto').envoy.service.ratelimit.v3.RateLimitService,
  Health: load('grpc/health/v1/health.proto').grpc.health.v1.Health,
  Reflection: load('grpc/reflection/v1/reflection.proto').grpc.reflection.v1.ServerReflection,
};
export const client = (service, options = {}) => new services[service](address, grpc.credentials.createInsecure(), options);

/** A value that no other test and no earlier run has used. */
export const fresh = () => randomUUID();

export const descriptor = (entries, more = {}) =>
  ({ entries: Object.entries(entries).map(([key, value]) => ({ key, value })), ...more });

/** A unary call as a promise; `of` is what the call takes beside the request. */
export const call = (stub, method, request, metadata = new grpc.Metadata(), options = {}) =>
  new Promise((resolve, reject) =>
    stub[method](request, metadata, options, (error, response) => (error ? reject(error) : resolve(response))));
