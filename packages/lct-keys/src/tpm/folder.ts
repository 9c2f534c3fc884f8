/** The folder that holds what is kept outside the TPM, and what a power cut may leave of it. */
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createPrivately, readPrivately, syncDirectory } from "../keys/private-file.js";
import {
  decodeTpmIdentity,
  decodeTpmPlan,
  encodeTpmIdentity,
  encodeTpmPlan,
  MOST_IDENTITY_BYTES,
  type TpmIdentity,
  type TpmPlan,
} from "./identity.js";

/** Small private files; each is there with one whole content or another, or not at all. Changes survive a power cut. */
export interface TpmFolder {
  names(): Promise<readonly string[]>;
  /** Throws LctKeysError `key-missing`, `key-permissions`, `key-malformed`. */
  read(name: string): Promise<Uint8Array>;
  write(name: string, content: Uint8Array): Promise<void>;
  /** Also where there is none. */
  remove(name: string): Promise<void>;
}

const IDENTITY = "tpm.cbor";
const PLAN = "tpm.plan";
const KIND = { what: "file of a TPM identity", most: MOST_IDENTITY_BYTES } as const;

/** `directory` exists and is its owner's alone. */
export function tpmFolder(directory: string): TpmFolder {
  return {
    names: () => readdir(directory),
    read: (name) => readPrivately(join(directory, name), KIND),
    async write(name, content) {
      const path = join(directory, name);
      const draft = `${path}.draft`;
      await rm(draft, { force: true }); // a cut may have left one
      await createPrivately(draft, content);
      await rename(draft, path);
      await syncDirectory(directory);
    },
    async remove(name) {
      const path = join(directory, name);
      await rm(`${path}.draft`, { force: true });
      await rm(path, { force: true });
      await syncDirectory(directory);
    },
  };
}

async function readIfThere(folder: TpmFolder, name: string): Promise<Uint8Array | undefined> {
  return (await folder.names()).includes(name) ? folder.read(name) : undefined;
}

/** What was provisioned here; undefined where nothing was, or not to its end. Throws DecodeError, LctKeysError `key-…`. */
export async function openTpmIdentity(folder: TpmFolder): Promise<TpmIdentity | undefined> {
  const bytes = await readIfThere(folder, IDENTITY);
  return bytes && decodeTpmIdentity(bytes);
}

/** What was begun here, and not ended. */
export async function openTpmPlan(folder: TpmFolder): Promise<TpmPlan | undefined> {
  const bytes = await readIfThere(folder, PLAN);
  return bytes && decodeTpmPlan(bytes);
}

export async function writeTpmPlan(folder: TpmFolder, plan: TpmPlan): Promise<void> {
  await folder.write(PLAN, encodeTpmPlan(plan));
}

/** It was carried out. */
export async function forgetTpmPlan(folder: TpmFolder): Promise<void> {
  await folder.remove(PLAN);
}

/** In place of the plan. `auth`: the 32 bytes behind its authorisation value. */
export async function writeTpmIdentity(
  folder: TpmFolder,
  identity: Omit<TpmIdentity, "auth">,
  auth: Uint8Array,
): Promise<void> {
  await folder.write(IDENTITY, encodeTpmIdentity(identity, auth));
  await forgetTpmPlan(folder);
}

/** After what they stand for is gone from the TPM. */
export async function forgetTpmIdentity(folder: TpmFolder): Promise<void> {
  await folder.remove(PLAN);
  await folder.remove(IDENTITY);
}
