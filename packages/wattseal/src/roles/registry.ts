/** The registry as federation.toml describes it: keys, makers' roots and addresses, from files. */
import { dirname, resolve } from "node:path";
import { fromUtf8, messageOf } from "@wattseal/base";
import type { RegistrySetting } from "@wattseal/federation";
import { hardwareRoot, openEd25519KeyFile, parseP256PublicKey } from "@wattseal/lct-keys";
import type { FederationConfig } from "../config/federation-schema.js";
import { CliError } from "../errors.js";
import { makeFolder, readRequired } from "../state/files.js";
import type { Layout } from "../state/layout.js";
import { listenOf } from "./listen.js";

const PEM = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g;

/** Undefined where no key is named. Throws CliError `config` that names the key and the file, LctKeysError `key-…`. */
export async function registrySettingOf(
  layout: Layout,
  { registry }: FederationConfig,
): Promise<RegistrySetting | undefined> {
  if (registry.key === "") return undefined;
  const at = (path: string) => resolve(layout.federation.directory, path);
  const socket = at(registry.socket);
  await makeFolder(dirname(socket));
  const listen = await listenOf("registry", registry, layout);
  return {
    directory: layout.federation.registry,
    authority: await openEd25519KeyFile(at(registry.key)),
    roots: await pemsIn(registry.roots, at, (pem) => hardwareRoot(pem)),
    updateKeys:
      registry.updateKeys === "any"
        ? "any"
        : await pemsIn(registry.updateKeys, at, parseP256PublicKey),
    socket,
    ...(listen === undefined ? {} : { listen }),
  };
}

/** What each PEM block of a file holds; nothing where no file is named. */
async function pemsIn<T>(
  path: string,
  at: (path: string) => string,
  read: (pem: string) => T,
): Promise<readonly T[]> {
  if (path === "") return [];
  const text = fromUtf8(await readRequired(at(path)));
  const blocks = [...text.matchAll(PEM)].map(([block]) => block);
  if (blocks.length === 0) throw new CliError("config", `${at(path)} holds nothing in PEM`);
  try {
    return blocks.map(read);
  } catch (cause) {
    throw new CliError("config", `${at(path)}: ${messageOf(cause)}`, { cause });
  }
}
