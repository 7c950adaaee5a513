// Drives dicomweb-client of npm under Node. Reads {url, calls: [{name, method, options, send, keep}]} from standard input, makes
// the calls in turn and writes {name: {value} or {parts: [{bytes, sha256}]} or {error}} to standard output. The files named
// in send are stored, and keep is a folder for the parts of the answer.
'use strict';
const { createHash } = require('node:crypto');
const { readFileSync, writeFileSync } = require('node:fs');
globalThis.XMLHttpRequest = require('xhr2'); // the client is written for browsers
const { api } = require('dicomweb-client');

const part = buffer => ({
  bytes: buffer.byteLength,
  sha256: createHash('sha256').update(new Uint8Array(buffer)).digest('hex'),
});

function result(value) {
  if (value instanceof ArrayBuffer) return { parts: [part(value)] };
  if (Array.isArray(value) && value.length > 0 && value.every(v => v instanceof ArrayBuffer)) {
    return { parts: value.map(part) };
  }
  return { value: value === undefined ? null : value };
}

async function main() {
  const job = JSON.parse(readFileSync(0, 'utf8'));
  const client = new api.DICOMwebClient({ url: job.url, verbose: false });
  const results = {};
  for (const { name, method, options = {}, send, keep } of job.calls) {
    if (send) {
      options.datasets = send.map(file => {
        const b = readFileSync(file);
        return b.buffer.slice(b.byteOffset, b.byteOffset + b.length);
      });
    }
    try {
      const value = await client[method](options);
      if (keep) [value].flat().forEach((v, i) => writeFileSync(`${keep}/${i}`, new Uint8Array(v)));
      results[name] = result(value);
    } catch (e) {
      results[name] = { error: `${e.status || ''} ${e.message || e}` };
    }
  }
  process.stdout.write(JSON.stringify(results));
}

main().catch(e => {
  console.error(e);
  process.exit(1);
});
