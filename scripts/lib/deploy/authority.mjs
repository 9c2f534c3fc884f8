// A certificate authority for demonstrations and tests: its key lies beside its certificates.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const DAYS = 30;
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** False where openssl is not installed. */
export function hasOpenssl() {
  return spawnSync("openssl", ["version"], { stdio: "ignore" }).status === 0;
}

/** @typedef {{ readonly certificate: string, readonly key: string }} Pair paths */

export class DemoAuthority {
  /** Path of its certificate. */
  certificate;
  #folder;
  #key;

  /** @param {string} folder made where it does not exist; what it holds already is used again */
  constructor(folder) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.certificate = join(folder, "ca.pem");
    this.#key = join(folder, "ca.key");
    if (existsSync(this.certificate)) return;
    openssl([
      "req",
      "-x509",
      ...KEY,
      "-days",
      String(DAYS),
      "-subj",
      "/CN=demonstration",
      "-keyout",
      this.#key,
      "-out",
      this.certificate,
    ]);
  }

  /**
   * A certificate for connecting as `name`, or, with `hosts`, for being connected to as well.
   *
   * @param {string} name
   * @param {{ readonly hosts?: readonly string[], readonly days?: number }} [options]
   * @returns {Pair}
   */
  issue(name, { hosts = [], days = DAYS } = {}) {
    const [key, certificate, request, extensions] = ["key", "pem", "csr", "ext"].map((end) =>
      join(this.#folder, `${name}.${end}`),
    );
    if (
      key === undefined ||
      certificate === undefined ||
      request === undefined ||
      extensions === undefined
    ) {
      throw new Error("unreachable");
    }
    if (existsSync(certificate)) return { certificate, key };
    const names = hosts.map((host) => `${/^[\d.]+$/.test(host) ? "IP" : "DNS"}:${host}`);
    writeFileSync(
      extensions,
      [
        "basicConstraints=CA:FALSE",
        `extendedKeyUsage=clientAuth${hosts.length > 0 ? ",serverAuth" : ""}`,
        ...(hosts.length > 0 ? [`subjectAltName=${names.join(",")}`] : []),
        "",
      ].join("\n"),
    );
    openssl(["req", ...KEY, "-subj", `/CN=${name}`, "-keyout", key, "-out", request]);
    openssl([
      "x509",
      "-req",
      "-in",
      request,
      "-CA",
      this.certificate,
      "-CAkey",
      this.#key,
      "-CAcreateserial",
      "-days",
      String(days),
      "-extfile",
      extensions,
      "-out",
      certificate,
    ]);
    return { certificate, key };
  }
}

/** @param {readonly string[]} args */
function openssl(args) {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
