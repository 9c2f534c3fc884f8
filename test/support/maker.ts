/** A maker of emulated TPMs whose root a test takes for hardware's: swtpm_setup and swtpm_localca. */
import { execFile, spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Swtpm } from "@wattseal/tpm2/testing";
import { hasSwtpm } from "./swtpm.js";

const SETUP: string = "swtpm_setup";

function run(options: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(SETUP, options, (error) => (error === null ? resolve() : reject(error)));
  });
}

export const hasMaker =
  hasSwtpm && spawnSync(SETUP, ["--version"], { stdio: "ignore" }).error === undefined;

/** For a test's name: why it is skipped, and the cure. */
export const NEEDS_MAKER = hasMaker
  ? ""
  : " (skipped: swtpm or swtpm_setup is not installed; Debian: apt install swtpm swtpm-tools)";

export class Maker {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(folder: string): Promise<Maker> {
    await mkdir(folder, { recursive: true });
    const at = (name: string) => `${folder}/${name}`;
    await writeFile(
      at("localca.conf"),
      `statedir = ${folder}\nsigningkey = ${at("sign.pem")}\nissuercert = ${at("issuer.pem")}\ncertserial = ${at("serial")}\n`,
    );
    await writeFile(at("options.conf"), "");
    await writeFile(
      at("setup.conf"),
      `create_certs_tool = swtpm_localca\ncreate_certs_tool_config = ${at("localca.conf")}\ncreate_certs_tool_options = ${at("options.conf")}\nactive_pcr_banks = sha256\n`,
    );
    return new Maker(folder);
  }

  /** The TPM is made anew, with endorsement keys and their certificates in it. */
  async make(swtpm: Swtpm): Promise<void> {
    await swtpm.powerCut();
    const options = ["--tpm2", "--overwrite", "--create-ek-cert"];
    const config = ["--config", `${this.#folder}/setup.conf`];
    await run([...options, ...config, "--tpmstate", swtpm.folder]);
    await swtpm.powerOn();
  }

  /** Its root, PEM: a file for registry.roots. */
  get root(): string {
    return `${this.#folder}/swtpm-localca-rootca-cert.pem`;
  }

  /** What leads from a TPM's certificate to the root, PEM: a file for --ek-chain. */
  get chain(): string {
    return `${this.#folder}/issuer.pem`;
  }

  /** As DER. */
  async intermediates(): Promise<readonly Uint8Array[]> {
    const pem = await readFile(this.chain, "utf8");
    return [new Uint8Array(Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ""), "base64"))];
  }
}
