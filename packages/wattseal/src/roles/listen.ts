/** Where something is served over HTTP, as a table of federation.toml says. */
import { resolve } from "node:path";
import { fromUtf8 } from "@wattseal/base";
import type { QuerySetting } from "@wattseal/federation";
import type { FederationConfig } from "../config/federation-schema.js";
import { CliError } from "../errors.js";
import { readRequired, readSecret } from "../state/files.js";
import type { Layout } from "../state/layout.js";

type Table = "registry" | "query";
type Listening = Pick<FederationConfig[Table], "listen" | "certificate" | "certificateKey">;

/** Undefined: nowhere. Throws CliError `config` that names the key and the file. */
export async function listenOf(
  table: Table,
  { listen, certificate, certificateKey }: Listening,
  { federation }: Layout,
): Promise<QuerySetting["listen"] | undefined> {
  if (listen === "") return undefined;
  const { hostname, port } = new URL(`http://${listen}`);
  // URL leaves out the port that is a scheme's own.
  const address = {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? 80 : Number(port),
  };
  if ((certificate === "") !== (certificateKey === "")) {
    throw new CliError(
      "config",
      `${federation.config}: ${table}.certificate and ${table}.certificateKey go together; give both, or none`,
    );
  }
  if (certificate === "") return address;
  const at = (path: string) => resolve(federation.directory, path);
  const cert = fromUtf8(await readRequired(at(certificate)));
  const key = fromUtf8(await readSecret(at(certificateKey), `${table}.certificateKey names it`));
  return { ...address, tls: { cert, key } };
}
