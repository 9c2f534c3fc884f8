/** The query API as federation.toml describes it. */
import { resolve } from "node:path";
import { fromUtf8 } from "@wattseal/base";
import type { QuerySetting } from "@wattseal/federation";
import type { PackName } from "@wattseal/uplink";
import type { FederationConfig } from "../config/federation-schema.js";
import { missingOf } from "../restore/missing.js";
import { readSecret } from "../state/files.js";
import type { Layout } from "../state/layout.js";
import { listenOf } from "./listen.js";

/** Undefined where it is served nowhere. Throws CliError `config` that names the key and the file. */
export async function querySettingOf(
  layout: Layout,
  { query }: FederationConfig,
): Promise<QuerySetting | undefined> {
  const listen = await listenOf("query", query, layout);
  if (listen === undefined) return undefined;
  const path = resolve(layout.federation.directory, query.tokenFile);
  const token = fromUtf8(
    await readSecret(path, "query.tokenFile names it; make one: openssl rand -hex 32"),
  );
  const missing = (pack: PackName) => missingOf(layout, pack);
  return { listen, token: token.trim(), missing };
}
