import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { PostgresServer, postgresMissing } from "../../../../../scripts/lib/postgres.mjs";
import { temporaryDirectory } from "../../fleet.fixture.js";
import { A, growth } from "../growth.fixture.js";
import { PostgresStore } from "./postgres.js";

const PROGRAM: string = "openssl";
const missing =
  spawnSync(PROGRAM, ["version"]).status === 0 ? postgresMissing() : "openssl is not installed";
const without = missing === undefined ? "" : ` (skipped: ${missing})`;

/** A certificate of its own making for 127.0.0.1. */
function certificateIn(folder: string) {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const name = ["-subj", "/CN=database", "-addext", "subjectAltName=IP:127.0.0.1"];
  const files = ["-keyout", key, "-out", cert, "-days", "2"];
  expect(spawnSync(PROGRAM, ["req", "-x509", ...curve, ...name, ...files]).status).toBe(0);
  return { file: cert, cert: readFileSync(cert), key: readFileSync(key) };
}

/**
 * The server's TLS end on a port of its own: it answers a client's SSLRequest (protocol 3.0, section 55.2.10) and carries
 * what follows to the unix socket. Without a certificate it answers as a server without TLS does.
 */
async function tlsEnd(socket: string, tls: { cert: Buffer; key: Buffer } | undefined) {
  const open = new Set<Socket>();
  const follow = (end: Socket) => {
    open.add(end);
    end.on("error", () => {});
  };
  const server = createServer((client) => {
    follow(client);
    client.once("data", () => {
      client.write(tls === undefined ? "N" : "S");
      if (tls === undefined) return;
      const secure = new TLSSocket(client, { isServer: true, ...tls });
      const database = connect(socket);
      for (const end of [secure, database]) follow(end);
      secure.pipe(database).pipe(secure);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const end of open) end.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

it.skipIf(missing !== undefined)(
  `a server across a network is believed under its certificate alone${without}`,
  { timeout: 400_000 },
  async () => {
    const server = await PostgresServer.start();
    onTestFinished(() => server.close());
    const directory = temporaryDirectory();
    onTestFinished(directory.remove);
    const name = (await server.createDatabase()).replace(/^.*@\/([^?]+).*$/, "$1");
    const made = certificateIn(directory.path);
    const port = await tlsEnd(join(server.folder, ".s.PGSQL.5432"), made);
    const url = (host: string, query: string) =>
      `postgres://wattseal@${host}:${port}/${name}?${query}`;

    const store = await PostgresStore.open({ url: url("127.0.0.1", `sslrootcert=${made.file}`) });
    onTestFinished(() => store.close());
    await store.commit([growth(0, 5)]);
    expect((await store.pack(A))?.size).toBe(5);

    for (const doubtful of [
      url("127.0.0.1", "sslmode=verify-full"),
      url("localhost", `sslrootcert=${made.file}`),
    ]) {
      const refused = expect(PostgresStore.open({ url: doubtful })).rejects;
      await refused.toMatchObject({ code: "store-access", kind: "usage" });
      await refused.toThrow("does not prove that it is");
    }
    const plain = await tlsEnd(join(server.folder, ".s.PGSQL.5432"), undefined);
    const refused = PostgresStore.open({
      url: `postgres://wattseal@127.0.0.1:${plain}/${name}?sslmode=verify-full`,
    });
    await expect(refused).rejects.toMatchObject({ code: "store-access" });
  },
);
