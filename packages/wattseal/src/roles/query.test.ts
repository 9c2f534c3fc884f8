import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { federationSchema } from "../config/federation-schema.js";
import { layoutOf } from "../state/layout.js";
import { querySettingOf } from "./query.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "wattseal-query-"));
  await mkdir(join(root, "federation"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const settingOf = (query: object) =>
  querySettingOf(layoutOf(root), federationSchema.parse({ query }));
const put = (name: string, text: string, mode: number) =>
  writeFile(join(root, "federation", name), text, { mode });

it("serves no queries where no address is named", async () => {
  expect(await settingOf({})).toBeUndefined();
});

it("reads the token from a file of its owner's alone", async () => {
  const listen = "127.0.0.1:8480";
  await expect(settingOf({ listen })).rejects.toThrow(/query\.token is missing.*openssl rand/);
  await put("query.token", "0123456789abcdef0123456789abcdef\n", 0o600);
  expect(await settingOf({ listen })).toEqual({
    listen: { host: "127.0.0.1", port: 8480 },
    token: "0123456789abcdef0123456789abcdef",
    missing: expect.any(Function),
  });
  await chmod(join(root, "federation", "query.token"), 0o644);
  await expect(settingOf({ listen })).rejects.toThrow(/chmod 600/);
});

it("takes certificate and key together", async () => {
  await put("query.token", "x".repeat(40), 0o600);
  await expect(settingOf({ listen: "127.0.0.1:0", certificate: "cert.pem" })).rejects.toThrow(
    /query\.certificate and query\.certificateKey go together/,
  );
});
