/** Which TPM is meant, as the command line and the configuration say it. */
import { isAbsolute, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { TpmAccess } from "@wattseal/lct-keys";
import { deviceTransport, swtpmTransport, Tpm } from "@wattseal/tpm2";
import { InvalidArgumentError } from "commander";
import { CliError } from "../errors.js";
import { systemEntropy } from "../ports/system.js";
import { hasEmulator, INSTALL, startEmulator } from "./emulator.js";

/** Linux' resource manager. */
const DEVICE = "/dev/tpmrm0";

export type TpmAddress =
  | { readonly type: "device"; readonly path: string }
  /** Somebody else runs it: its unix socket. */
  | { readonly type: "socket"; readonly path: string }
  /** Run by us, for as long as it is needed: its folder. */
  | { readonly type: "emulator"; readonly directory: string };

/** What a new identity is to be held by: `swtpm` is an emulator of the state folder's own, `auto` that one where it can be run. */
export type TpmChoice = TpmAddress | "auto" | "swtpm" | "none";

/** `device`, `device:PATH` or `swtpm:PATH`; a relative path starts at `folder`. Undefined for anything else. */
function addressOf(text: string, folder: string): TpmAddress | undefined {
  const [, kind, path] = /^(device|swtpm)(?::(.+))?$/.exec(text) ?? [];
  const at = (given: string) => (isAbsolute(given) ? given : resolve(folder, given));
  if (kind === "device") return { type: "device", path: at(path ?? DEVICE) };
  return kind === "swtpm" && path !== undefined ? { type: "socket", path: at(path) } : undefined;
}

/** For the command line; relative to where one stands. */
export function parseTpmAddress(text: string): TpmAddress {
  const address = addressOf(text, ".");
  if (address !== undefined) return address;
  throw new InvalidArgumentError("Use device, device:PATH or swtpm:PATH.");
}

/** For the command line. */
export function parseTpmChoice(text: string): TpmChoice {
  if (text === "auto" || text === "swtpm" || text === "none") return text;
  const address = addressOf(text, ".");
  if (address !== undefined) return address;
  throw new InvalidArgumentError("Use auto, swtpm, swtpm:PATH, device, device:PATH or none.");
}

/** `directory`: of the state folder's own emulator. Undefined: no TPM. Throws CliError `unreachable` where there is no emulator to run. */
export async function chosenTpm(
  choice: TpmChoice,
  directory: string,
): Promise<TpmAddress | undefined> {
  if (choice === "none") return undefined;
  if (choice !== "auto" && choice !== "swtpm") return choice;
  if (await hasEmulator()) return { type: "emulator", directory };
  if (choice === "auto") return undefined;
  throw new CliError("unreachable", `swtpm is not installed. ${INSTALL}`);
}

/** As `signer.tpm` in gateway.toml has it. */
export function tpmSetting(address: TpmAddress | undefined): string {
  switch (address?.type) {
    case undefined:
      return "none";
    case "device":
      return `device:${address.path}`;
    case "socket":
      return `swtpm:${address.path}`;
    case "emulator":
      return "emulator";
  }
}

/** The reverse; a relative path starts at `folder`, `directory` is the state folder's own emulator's. */
export function tpmOfSetting(
  setting: string,
  folder: string,
  directory: string,
): TpmAddress | undefined {
  return setting === "emulator" ? { type: "emulator", directory } : addressOf(setting, folder);
}

/** A TPM that can be spoken to until `close`, which ends it if it is ours. */
export interface OpenTpm extends TpmAccess {
  close(): Promise<void>;
}

export async function openTpm(address: TpmAddress): Promise<OpenTpm> {
  const ports = { entropy: systemEntropy, pause: (ms: number) => pause(ms) };
  const close = async () => {};
  switch (address.type) {
    case "device":
      return { ...ports, transport: deviceTransport({ path: address.path }), close };
    case "socket":
      return { ...ports, transport: swtpmTransport({ address: { path: address.path } }), close };
    case "emulator": {
      const { transport, stop } = await startEmulator(address.directory);
      return { ...ports, transport, close: stop };
    }
  }
}

/** One transaction whose answers need no protection: what is asked is public. */
export function askTpm<T>(
  { transport, entropy, pause: wait }: TpmAccess,
  work: (tpm: Tpm) => Promise<T>,
): Promise<T> {
  return Tpm.transact(transport, { entropy, pause: wait }, work);
}
