/** A registry over a file of its own, and applicants with software anchors. */
import { type LogFields, type Logger, millis, silentLogger } from "@wattseal/base";
import { decodeAs, type StatusPayload, statusPayload } from "@wattseal/energy-ledger";
import {
  Ed25519SecretKey,
  encodeEnrolmentRequest,
  enrol,
  P256SecretKey,
  type Registry,
  softwareApplicant,
} from "@wattseal/lct-keys";
import { type LctDocument, verifyAuthority } from "@wattseal/lct-keys/verify";
import { START, seededEntropy, temporaryDirectory } from "../fleet.fixture.js";
import { LctRegistry } from "./registry.js";
import { SqliteRegistryStore } from "./sqlite.js";

export const ISSUER = Ed25519SecretKey.generate(seededEntropy("authority"));
const AUTHORITIES = [ISSUER.publicKey];

export function anchorOf(seed: string): P256SecretKey {
  return P256SecretKey.generate(seededEntropy(seed));
}

export function requestOf(anchor: P256SecretKey, context: readonly string[] = []): Uint8Array {
  const claim = { type: "software", publicKey: anchor.publicKey } as const;
  return encodeEnrolmentRequest({ kind: "pack", context, claim, succeeds: undefined });
}

/** What a signed status says; throws where no accepted authority signed it. */
export function said(statement: Uint8Array): StatusPayload {
  const { payload } = verifyAuthority(statement, AUTHORITIES);
  return decodeAs(statusPayload, payload, "status");
}

export class TestRegistry {
  readonly #directory = temporaryDirectory();
  readonly #entropy = seededEntropy("registry");
  readonly logged: { event: string; fields: LogFields | undefined }[] = [];
  now = START;
  store!: SqliteRegistryStore;
  registry!: LctRegistry;

  static async open(): Promise<TestRegistry> {
    const made = new TestRegistry();
    await made.reopen();
    return made;
  }

  get logger(): Logger {
    const keep = (event: string, fields?: LogFields) => void this.logged.push({ event, fields });
    return { ...silentLogger, info: keep, warn: keep, error: keep };
  }

  /** Of its file. */
  get path(): string {
    return this.#directory.path;
  }

  get clock() {
    return { now: () => this.now };
  }

  /** As after a restart. */
  async reopen(): Promise<LctRegistry> {
    await this.store?.close();
    this.store = await SqliteRegistryStore.open(this.#directory.path);
    this.registry = await LctRegistry.open({
      store: this.store,
      authority: ISSUER,
      roots: [],
      updateKeys: "any",
      clock: this.clock,
      entropy: this.#entropy,
      logger: this.logger,
    });
    return this.registry;
  }

  pass(ms: number): void {
    this.now = millis(this.now + ms);
  }

  /** As a client reaches it, under this token. */
  under(token: string): Registry {
    return {
      request: async (bytes) => (await this.registry.request(token, bytes)).challenge,
      activate: (id, bytes) => this.registry.activate(token, id, bytes),
    };
  }

  /** A pack that is enrolled. */
  async enrolled(seed: string, succeeds?: LctDocument["lct"]): Promise<LctDocument> {
    const { token } = await this.registry.grant(succeeds === undefined ? {} : { succeeds });
    const { document } = await enrol(softwareApplicant(anchorOf(seed)), this.under(token), {
      kind: "pack",
      context: [],
      authorities: AUTHORITIES,
      ...(succeeds === undefined ? {} : { succeeds }),
    });
    return document;
  }

  async remove(): Promise<void> {
    await this.store.close();
    this.#directory.remove();
  }
}
