/** The signer of a pack of `pack.fixture`, over an anchor whose starts are rationed: in this process, or behind a socket. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { silentLogger } from "@wattseal/base";
import {
  type Anchor,
  LctKeysError,
  LocalSigner,
  openP256KeyFile,
  type P256SecretKey,
  RemoteSigner,
  type Signer,
  SignerServer,
  type SignerService,
} from "@wattseal/lct-keys";
import { attestSignedBytes, epochSignedBytes } from "@wattseal/lct-keys/verify";
import { onTestFinished } from "vitest";
import type { makePack } from "../pack.fixture.js";
import type { ContinuedLog } from "./energy-log-options.js";

type Pack = Awaited<ReturnType<typeof makePack>>;

const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

/** Counts as a hardware TPM does: for good. */
class WearingAnchor implements Anchor {
  readonly publicKey: Uint8Array;
  readonly rationed = true;
  readonly counterBase = 0;
  readonly #key: P256SecretKey;
  #value = 0;

  constructor(key: P256SecretKey) {
    this.#key = key;
    this.publicKey = key.publicKey;
  }

  async counter() {
    return this.#value;
  }

  async increment() {
    this.#value += 1;
    return this.#value;
  }

  async attestEpoch(body: Uint8Array) {
    const signature = this.#key.sign(epochSignedBytes(body));
    return { signature, quote: undefined, nvCertify: undefined };
  }

  async sign(message: Uint8Array) {
    return this.#key.sign(message);
  }

  async attest(nonce: Uint8Array) {
    const signature = this.#key.sign(attestSignedBytes(nonce));
    return { signature, quote: undefined, nvCertify: undefined };
  }

  async confirmBoot() {}

  async openHalves() {
    return [];
  }

  createHalf(): Promise<never> {
    return Promise.reject(new Error("keeps no halves"));
  }

  async close() {
    this.#key.dispose();
  }
}

interface RationedSigner {
  /** As a gateway connects that has just been started: whoever came before has left. */
  connect(): Promise<{
    open(log: ContinuedLog): Promise<Signer>;
    /** With the gateway's process. */
    leave(): Promise<void>;
  }>;
}

/** `socket`: behind one. Ends with the test. */
export async function rationedSigner(pack: Pack, socket: boolean): Promise<RationedSigner> {
  const { clock, document, root } = pack;
  const directory = join(root, "signer");
  const service = await LocalSigner.open({
    directory,
    document,
    anchor: new WearingAnchor(await openP256KeyFile(join(directory, "anchor.pem"))),
    entropy,
    softwareVersion: "test",
    clock,
    logger: silentLogger,
  });
  onTestFinished(() => service.close());
  const begunBy = (from: SignerService) => (log: ContinuedLog) =>
    from.begin({ log, clock, synchronised: true });
  if (!socket) {
    return {
      connect: async () => ({ open: begunBy(service), leave: () => service.endEpoch() }),
    };
  }
  const path = join(root, "signer.sock");
  const token = entropy.bytes(32);
  const server = await SignerServer.listen({ service, path, token, clock, logger: silentLogger });
  onTestFinished(() => server.close());
  return {
    async connect() {
      const client = new RemoteSigner({ path, token, clock, lct: document.lct });
      onTestFinished(() => client.close());
      await untilAdmitted(client);
      return { open: begunBy(client), leave: () => client.close() };
    },
  };
}

/** The one before may not have been seen to leave yet. */
async function untilAdmitted(client: RemoteSigner): Promise<void> {
  for (;;) {
    try {
      return await client.connect();
    } catch (error) {
      if (!(error instanceof LctKeysError) || error.code !== "signer-busy") throw error;
      await setImmediate();
    }
  }
}
