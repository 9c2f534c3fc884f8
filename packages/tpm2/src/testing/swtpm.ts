/** An emulated TPM of a test's own: started, cut off, started again on the same state. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createPrimary, evictControl, readPublic } from "../commands/objects.js";
import { AuthValue } from "../session/auth-value.js";
import { handleName } from "../structures/name.js";
import { STORAGE_ROOT } from "../structures/templates.js";
import { type SaltKey, Tpm, type TpmOptions, type Use } from "../tpm.js";
import { swtpmTransport } from "../transport/swtpm.js";
import type { Transport } from "../transport/transport.js";
import { RH } from "../wire/constants.js";

const PROGRAM: string = "swtpm";
const TRIES = 1_500;
const TRY_AGAIN_MS = 10;

/** False where the emulator is not installed. */
export function hasSwtpm(): boolean {
  try {
    execFileSync(PROGRAM, ["--version"], { stdio: "ignore" });
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

export const entropy = {
  bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
};
export const NOTHING = new Uint8Array(0);
const permanent = (handle: number): Use => ({ handle, name: handleName(handle) });
export const OWNER = permanent(RH.owner);
export const ENDORSEMENT = permanent(RH.endorsement);
export const LOCKOUT = permanent(RH.lockout);
export const randomAuth = () => new AuthValue(entropy.bytes(32));

export class Swtpm {
  readonly folder: string;
  readonly socket: string;
  readonly transport: Transport;
  #child: ChildProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.socket = join(folder, "tpm");
    this.transport = swtpmTransport({ address: { path: this.socket }, timeoutMs: 20_000 });
  }

  static async start(): Promise<Swtpm> {
    const swtpm = new Swtpm(await mkdtemp(join(tmpdir(), "wattseal-tpm-")));
    await swtpm.powerOn();
    return swtpm;
  }

  /** Starts the emulator, and the TPM in it (TPM2_Startup(CLEAR)), unless that is left to the caller. */
  async powerOn({ started = true } = {}): Promise<void> {
    await rm(this.socket, { force: true });
    const state = ["--tpmstate", `dir=${this.folder}`];
    const server = ["--server", `type=unixio,path=${this.socket}`];
    // Where tpm2-tools look for it.
    const control = ["--ctrl", `type=unixio,path=${this.socket}.ctrl`];
    const flags = ["--flags", started ? "not-need-init,startup-clear" : "not-need-init"];
    const child = spawn(PROGRAM, ["socket", "--tpm2", ...state, ...server, ...control, ...flags], {
      stdio: "ignore",
    });
    this.#child = child;
    await this.#untilItAnswers();
  }

  /** The socket is there a moment before anybody listens to it. */
  async #untilItAnswers(): Promise<void> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await (await this.transport.open()).close();
      } catch (thrown) {
        if (tried === TRIES) throw thrown;
        await pause(TRY_AGAIN_MS);
      }
    }
  }

  /** kill -9: what a power cut does to a TPM. */
  async powerCut(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }

  async remove(): Promise<void> {
    await this.powerCut();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** One transaction; protected where a salt key is given. */
  use<T>(work: (tpm: Tpm) => Promise<T>, saltKey?: SaltKey, options: Partial<TpmOptions> = {}) {
    return this.through(this.transport, work, saltKey, options);
  }

  /** The same over another way to this TPM. */
  through<T>(
    transport: Transport,
    work: (tpm: Tpm) => Promise<T>,
    saltKey?: SaltKey,
    options: Partial<TpmOptions> = {},
  ) {
    return Tpm.transact(transport, { entropy, pause, saltKey, ...options }, work);
  }

  /** A storage root at a persistent handle, as provisioning leaves it. */
  async storageRoot(handle = 0x81000001): Promise<SaltKey> {
    return this.use(async (tpm) => {
      const key = await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
      await evictControl(tpm, OWNER, key, handle);
      return readPublic(tpm, handle);
    });
  }
}
