/** What a role proves itself with at its broker, from files. They are looked at before anything is connected. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Millis, messageOf } from "@wattseal/base";
import { CliError } from "../errors.js";

/** Paths as configured; "" for none. */
interface AccessConfig {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly passwordFile: string;
}

export interface BrokerAccess {
  readonly password?: string;
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
}

const OTHERS_CAN_READ = 0o077;

/** `table`: of the configuration in `path`. Throws CliError `config` that names the key, the file and the cure. */
export async function readBrokerAccess(options: {
  readonly path: string;
  readonly table: string;
  /** Where it connects. */
  readonly url: string;
  readonly config: AccessConfig;
  readonly now: Millis;
}): Promise<BrokerAccess> {
  const { config, now } = options;
  const files = new AccessFiles(options);
  const password =
    config.passwordFile === "" ? {} : { password: (await files.secret("passwordFile")).trim() };
  if (config.ca === "") {
    if (config.certificate === "" && config.key === "") return password;
    throw files.problem(
      "ca",
      "is not set: name the CA of the broker's certificate before ours is shown to it",
    );
  }
  if (!/^(?:mqtts|tls):/.test(options.url)) {
    throw files.problem(
      "ca",
      `is set, but ${options.url} does not use TLS: write mqtts:// (NATS: tls://), or remove it`,
    );
  }
  const ca = await files.read("ca");
  files.certificate("ca", ca, now);
  if (config.certificate === "" && config.key === "") return { ...password, tls: { ca } };
  if (config.certificate === "") throw files.problem("certificate", "is not set, but the key is");
  if (config.key === "") throw files.problem("key", "is not set, but the certificate is");
  const cert = await files.read("certificate");
  const certificate = files.certificate("certificate", cert, now);
  const key = await files.secret("key");
  if (!certificate.checkPrivateKey(files.privateKey(key))) {
    throw files.problem(
      "key",
      "is not the key of the certificate; use the pair that was made together",
    );
  }
  return { ...password, tls: { ca, cert, key } };
}

class AccessFiles {
  readonly #options: Parameters<typeof readBrokerAccess>[0];

  constructor(options: Parameters<typeof readBrokerAccess>[0]) {
    this.#options = options;
  }

  problem(key: keyof AccessConfig, what: string, cause?: unknown): CliError {
    const { path, table, config } = this.#options;
    const file = config[key] === "" ? "" : ` (${this.#fileOf(key)})`;
    return new CliError("config", `${path}: ${table}.${key}${file} ${what}`, { cause });
  }

  async read(key: keyof AccessConfig): Promise<string> {
    try {
      return await readFile(this.#fileOf(key), "utf8");
    } catch (cause) {
      throw this.problem(key, `cannot be read: ${messageOf(cause)}`, cause);
    }
  }

  async secret(key: keyof AccessConfig): Promise<string> {
    const text = await this.read(key);
    const { mode } = await stat(this.#fileOf(key));
    if ((mode & OTHERS_CAN_READ) === 0) return text;
    throw this.problem(key, `can be read by others: chmod 600 ${this.#fileOf(key)}`);
  }

  /** The first of the file, within its dates. */
  certificate(key: keyof AccessConfig, pem: string, now: Millis): X509Certificate {
    const certificate = this.#parsed(key, "certificate", () => new X509Certificate(pem));
    if (Date.parse(certificate.validTo) < now) {
      throw this.problem(key, `expired on ${certificate.validTo}: renew it, or set this clock`);
    }
    if (Date.parse(certificate.validFrom) > now) {
      const from = certificate.validFrom;
      throw this.problem(key, `is not valid before ${from}: set this clock`);
    }
    return certificate;
  }

  privateKey(pem: string) {
    return this.#parsed("key", "private key", () => createPrivateKey(pem));
  }

  #parsed<T>(key: keyof AccessConfig, what: string, parse: () => T): T {
    try {
      return parse();
    } catch (cause) {
      throw this.problem(key, `holds no PEM ${what}: ${messageOf(cause)}`, cause);
    }
  }

  #fileOf(key: keyof AccessConfig): string {
    return resolve(dirname(this.#options.path), this.#options.config[key]);
  }
}
