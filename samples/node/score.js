// Has photos scored by a service: node score.js PHOTO…

import { readFile } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import { Service } from './service.js';

/** A request to score one photo, and to tell the labels. */
function request(photo) {
  return {
    inputs: { images: { dtype: 'DT_STRING', tensorShape: { dim: [{ size: 1 }] }, stringVal: [photo] } },
    outputFilter: ['output_alias', 'labels'],
  };
}

/** The best class, and its score. A model without labels has numbers. */
function best({ outputs }) {
  const content = outputs.output_alias.tensorContent;
  const scores = Array.from({ length: content.length / 4 }, (_, at) => content.readFloatLE(4 * at));
  const winner = scores.indexOf(Math.max(...scores));
  const label = outputs.labels?.stringVal[winner]?.toString() ?? `class ${winner}`;
  return `${label} (${(100 * scores[winner]).toFixed(2)}%)`;
}

async function main(photos) {
  const service = new Service(process.env);
  try {
    // Without waiting: tells at once what is wrong with name, certificate or key.
    await service.call(service.models, 'getModelStatus', {});
    for (const photo of photos) {
      const response = await service.call(service.predictions, 'predict', request(await readFile(photo)));
      console.log(`${photo}: ${best(response)}`);
    }
  } finally {
    service.close();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  // UNAVAILABLE also where the certificate is not trusted.
  console.error(error.code in status ? `${status[error.code]}: ${error.details}` : error.message);
  process.exit(1); // a handshake that nobody answers would keep the process
}
