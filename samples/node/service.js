// A service as the environment names it; `fpga call-info` prints these variables.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTOS = fileURLToPath(new URL('../../clients/wire/protos', import.meta.url));

const SERVICE_CONFIG = JSON.stringify({
  methodConfig: [
    {
      name: [{ service: 'tensorflow.serving.PredictionService' }],
      waitForReady: true,
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: '1s',
        backoffMultiplier: 2,
        maxBackoff: '5s',
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
});

/** The stubs of a service, made from the protos at run time. */
export class Service {
  #environment;
  #timeoutMs;

  constructor(environment) {
    for (const name of ['FPGA_SERVICE_HOST', 'FPGA_SERVICE_PORT', 'FPGA_SERVICE_KEY']) {
      if (!environment[name]) throw new Error(`${name} is not set`);
    }
    this.#environment = environment;
    this.#timeoutMs = 1000 * Number(environment.FPGA_SERVICE_TIMEOUT || 30);

    const files = ['model_service', 'prediction_service'].map((name) => `tensorflow_serving/apis/${name}.proto`);
    const loaded = loadSync(files, { includeDirs: [PROTOS], enums: String, longs: String });
    const { ModelService, PredictionService } = grpc.loadPackageDefinition(loaded).tensorflow.serving;
    const where = [this.#target(), this.#credentials(), this.#options()];
    this.models = new ModelService(...where);
    this.predictions = new PredictionService(...where);
  }

  /** Calls a method by a promise, with a deadline. */
  call(stub, method, request) {
    const deadline = Date.now() + this.#timeoutMs;
    return new Promise((resolve, reject) => {
      stub[method](request, { deadline }, (error, response) => (error ? reject(error) : resolve(response)));
    });
  }

  close() {
    this.models.close();
    this.predictions.close();
  }

  #target() {
    const { FPGA_SERVICE_ADDRESS: address, FPGA_SERVICE_HOST: host, FPGA_SERVICE_PORT: port } = this.#environment;
    return address ? `ipv4:${address}:${port}` : `dns:${host}:${port}`;
  }

  /** TLS, and the key with each call. Without roots of its own, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH is read. */
  #credentials() {
    const { FPGA_SERVICE_ROOTS: roots, FPGA_SERVICE_KEY: key } = this.#environment;
    return grpc.credentials.combineChannelCredentials(
      grpc.credentials.createSsl(roots ? readFileSync(roots) : null),
      grpc.credentials.createFromMetadataGenerator((_, done) => {
        const metadata = new grpc.Metadata();
        metadata.set('authorization', `Bearer ${key}`);
        done(null, metadata);
      }),
    );
  }

  /** The certificate is verified by the name, wherever the address is from. */
  #options() {
    const host = this.#environment.FPGA_SERVICE_HOST;
    return {
      'grpc.service_config': SERVICE_CONFIG,
      'grpc.ssl_target_name_override': host,
      'grpc.default_authority': host,
    };
  }
}
