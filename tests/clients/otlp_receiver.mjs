// A receiver of OTLP over HTTP, for traces_test.py: decodes with OpenTelemetry's own messages. Says its port in one line, then
// each export in one line of JSON: {path, headers, body}. An export that is no ExportTraceServiceRequest is answered 400.
import { createServer } from 'node:http';
import root from '@opentelemetry/otlp-transformer/build/src/generated/root.js';

const { ExportTraceServiceRequest, ExportTraceServiceResponse } = root.opentelemetry.proto.collector.trace.v1;
const hex = bytes => Buffer.from(bytes).toString('hex');

function shown(request) {
  const plain = ExportTraceServiceRequest.toObject(request, { longs: String, bytes: Buffer });
  return JSON.stringify(plain, function (_, value) {
    return value?.type === 'Buffer' ? hex(value.data) : value;
  });
}

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', part => parts.push(part));
  request.on('end', () => {
    try {
      const { url: path, headers } = request;
      const body = JSON.parse(shown(ExportTraceServiceRequest.decode(Buffer.concat(parts))));
      console.log(JSON.stringify({ path, headers, body }));
      response.setHeader('Content-Type', 'application/x-protobuf');
      response.end(Buffer.from(ExportTraceServiceResponse.encode(ExportTraceServiceResponse.create()).finish()));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error) }));
      response.statusCode = 400;
      response.end();
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
