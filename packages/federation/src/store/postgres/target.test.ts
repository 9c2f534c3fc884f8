import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../../fleet.fixture.js";
import { postgresTarget } from "./target.js";

describe("a database's URL", () => {
  it.each([
    [
      "postgres://fleet@db.example:5433/wattseal",
      { host: "db.example", port: 5433, user: "fleet", database: "wattseal", tls: {} },
    ],
    [
      "postgresql://fleet@db.example/wattseal?sslmode=disable",
      { host: "db.example", port: 5432, tls: false, place: "db.example:5432" },
    ],
    ["postgres://fleet@127.0.0.1/wattseal", { host: "127.0.0.1", tls: false }],
    ["postgres://fleet@localhost/wattseal?sslmode=verify-full", { host: "localhost", tls: {} }],
    [
      "postgres://fl%40eet@/wattseal?host=/run/postgresql",
      { host: "/run/postgresql", user: "fl@eet", tls: false, place: "/run/postgresql" },
    ],
    ["postgres://fleet@%2Frun%2Fpostgresql/wattseal", { host: "/run/postgresql", tls: false }],
  ])("%s", (url, expected) => {
    expect(postgresTarget(url)).toMatchObject(expected);
  });

  it("reads the certificates that it names, and asks for TLS then", () => {
    const directory = temporaryDirectory();
    const ca = join(directory.path, "ca.pem");
    writeFileSync(ca, "a certificate");
    const target = postgresTarget(`postgres://fleet@localhost/wattseal?sslrootcert=${ca}`);
    expect(target.tls).toEqual({ ca: "a certificate" });
    directory.remove();
  });

  it.each([
    ["postgres://fleet:secret@db/wattseal", "password"],
    ["postgres://fleet@db/wattseal?password=secret", "parameter password"],
    ["postgres://db/wattseal", "USER@HOST"],
    ["postgres://fleet@db", "USER@HOST"],
    ["postgres://fleet@/wattseal", "no host"],
    ["mysql://fleet@db/wattseal", "USER@HOST"],
    ["postgres://fleet@db/wattseal?sslmode=require", "verify-full"],
    ["postgres://fleet@db/wattseal?sslmode=disable&sslrootcert=/dev/null", "no use"],
    ["postgres://fleet@db/wattseal?sslcert=/dev/null", "go together"],
    ["postgres://fleet@db/wattseal?sslrootcert=/nowhere/ca.pem", "cannot be read"],
    ["postgres://fleet@db/wattseal?sslmode=disable&sslmode=disable", "parameter sslmode"],
    ["postgres://fl%eet@db/wattseal", "percent-encoded"],
  ])("is refused: %s", (url, reason) => {
    expect(() => postgresTarget(url)).toThrow(reason);
    expect(() => postgresTarget(url)).not.toThrow("secret");
    expect(() => postgresTarget(url)).toThrow(
      expect.objectContaining({ code: "configuration", kind: "usage" }),
    );
  });
});
