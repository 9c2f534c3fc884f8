/** Which database, said in one URL that holds no secret. */
import { readFileSync } from "node:fs";
import { messageOf } from "@wattseal/base";
import { FederationError } from "../../errors.js";

export interface PostgresTarget {
  /** A name, an address, or the folder of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** False: in the clear. Else the server's certificate has to be for `host`, under `ca` (PEM) or a public authority. */
  readonly tls: false | { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** For people. */
  readonly place: string;
}

const DEFAULT_PORT = 5432;
const FORM =
  /^postgres(?:ql)?:\/\/([^:@/?#]+)(:[^@/]*)?@([^:/?#@]*)(?::(\d{1,5}))?\/([^/?#]+)(?:\?([^#]*))?$/;
const PARAMETERS = ["host", "sslmode", "sslrootcert", "sslcert", "sslkey"] as const;
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+)$/;

/**
 * postgres://USER@HOST:PORT/DATABASE, with the parameters that libpq knows by these names: host (the folder of a unix
 * socket), sslmode, sslrootcert, sslcert, sslkey. Across a network TLS is required, `verify-full`, unless sslmode=disable
 * says otherwise. Reads the certificates. Throws FederationError `configuration`.
 */
export function postgresTarget(url: string): PostgresTarget {
  const [, user = "", password, name = "", port, database = "", query = ""] = FORM.exec(url) ?? [];
  if (password !== undefined) {
    throw refused(
      "a password in it is readable to everyone: put it in a file (store.passwordFile) or in PGPASSFILE",
    );
  }
  if (user === "") throw refused("use postgres://USER@HOST:PORT/DATABASE");
  const parameters = parametersOf(query);
  const host = parameters.get("host") ?? (name === "" ? undefined : decoded(name));
  if (host === undefined) throw refused("it names no host");
  const isSocket = host.startsWith("/");
  const number = Number(port ?? DEFAULT_PORT);
  return {
    host,
    port: number,
    user: decoded(user),
    database: decoded(database),
    tls: tlsOf(parameters, isSocket || LOOPBACK.test(host)),
    place: isSocket ? host : `${host}:${number}`,
  };
}

function refused(problem: string): FederationError {
  return new FederationError("configuration", `store.url: ${problem}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused(`${text} is not percent-encoded`);
  }
}

function parametersOf(query: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query === "" ? [] : query.split("&")) {
    const [name = "", value = ""] = pair.split("=", 2);
    if (!PARAMETERS.some((known) => known === name) || value === "" || parameters.has(name)) {
      throw refused(`cannot use the parameter ${name}; there are ${PARAMETERS.join(", ")}`);
    }
    parameters.set(name, decoded(value));
  }
  return parameters;
}

function tlsOf(parameters: ReadonlyMap<string, string>, isNear: boolean): PostgresTarget["tls"] {
  const files = ["sslrootcert", "sslcert", "sslkey"].map((name) => parameters.get(name));
  const [ca, cert, key] = files.map((path) => (path === undefined ? undefined : pem(path)));
  const mode =
    parameters.get("sslmode") ??
    (isNear && files.every((it) => it === undefined) ? "disable" : "verify-full");
  if (mode === "disable") {
    if (files.some((it) => it !== undefined))
      throw refused("sslmode=disable has no use for certificates");
    return false;
  }
  if (mode !== "verify-full") {
    throw refused(`sslmode=${mode} proves nothing about the server: use verify-full, or disable`);
  }
  if ((cert === undefined) !== (key === undefined)) throw refused("sslcert and sslkey go together");
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

function pem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw refused(`a certificate cannot be read: ${messageOf(cause)}`);
  }
}
