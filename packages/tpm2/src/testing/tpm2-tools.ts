/** The tools of tpm2-tools on a test's emulated TPM, and the files that they read and write. */
import { execFile, execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { concatBytes, fromHex, utf8 } from "@wattseal/base";
import { type Public, sizedPublic } from "../structures/public.js";
import { p256Point } from "../verify/attestation.js";
import { Writer } from "../wire/writer.js";
import { hasSwtpm, type Swtpm } from "./swtpm.js";

const PROBE: string = "tpm2_getrandom";

/** False where they or the emulator are not installed. */
export function hasTools(): boolean {
  try {
    execFileSync(PROBE, ["--version"], { stdio: "ignore" });
    return hasSwtpm();
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

/** What tpm2_makecredential writes: a magic number and a version before the two structures. */
export const CREDENTIAL_HEADER = fromHex("badcc0de00000001");

/** With the length in front. */
export function tpm2b(bytes: Uint8Array): Uint8Array {
  const writer = new Writer();
  writer.u16(bytes.length);
  writer.bytes(bytes);
  return writer.done();
}

/** TPM2B_PUBLIC. */
export function publicFile(publicArea: Public): Uint8Array {
  const writer = new Writer();
  sizedPublic.write(writer, publicArea);
  return writer.done();
}

/** SubjectPublicKeyInfo of a P-256 key (RFC 5480). */
export function pem(key: Public): Uint8Array {
  const prefix = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
  const body = Buffer.from(concatBytes(prefix, p256Point(key))).toString("base64");
  return utf8(`-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----\n`);
}

export class Tools {
  readonly #swtpm: Swtpm;

  constructor(swtpm: Swtpm) {
    this.#swtpm = swtpm;
  }

  put(name: string, bytes: Uint8Array): Promise<void> {
    return writeFile(join(this.#swtpm.folder, name), bytes);
  }

  async get(name: string): Promise<Uint8Array> {
    return new Uint8Array(await readFile(join(this.#swtpm.folder, name)));
  }

  /** A tool that needs no TPM; what it prints. Rejects where it fails. */
  offline(name: string, ...args: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile(`tpm2_${name}`, args, { cwd: this.#swtpm.folder }, (error, stdout) => {
        if (error === null) resolve(stdout);
        else reject(error);
      });
    });
  }

  run(name: string, ...args: readonly string[]): Promise<string> {
    return this.offline(name, "-T", `swtpm:path=${this.#swtpm.socket}`, ...args);
  }
}
