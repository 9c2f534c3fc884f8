/** Which TPM is meant, as the command line and the configuration say it. */
import { isAbsolute, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { deviceTransport, swtpmTransport, Tpm, type Transport } from "@wattseal/tpm2";
import { InvalidArgumentError } from "commander";
import { systemEntropy } from "../ports/system.js";
import { startEmulator } from "./emulator.js";

/** Linux' resource manager. */
const DEVICE = "/dev/tpmrm0";

export type TpmAddress =
  | { readonly type: "device"; readonly path: string }
  /** Somebody else runs it: its unix socket. */
  | { readonly type: "socket"; readonly path: string }
  /** Run by us, for as long as it is needed: its folder. */
  | { readonly type: "emulator"; readonly directory: string };

/** `device`, `device:PATH` or `swtpm:PATH`; a relative path starts at `folder`. Undefined for anything else. */
function tpmAddressOf(text: string, folder: string): TpmAddress | undefined {
  const [, kind, path] = /^(device|swtpm)(?::(.+))?$/.exec(text) ?? [];
  const at = (given: string) => (isAbsolute(given) ? given : resolve(folder, given));
  if (kind === "device") return { type: "device", path: at(path ?? DEVICE) };
  return kind === "swtpm" && path !== undefined ? { type: "socket", path: at(path) } : undefined;
}

/** For the command line; relative to where one stands. */
export function parseTpmAddress(text: string): TpmAddress {
  const address = tpmAddressOf(text, ".");
  if (address !== undefined) return address;
  throw new InvalidArgumentError("Use device, device:PATH or swtpm:PATH.");
}

/** A TPM that can be spoken to until `close`, which ends it if it is ours. */
export interface OpenTpm {
  readonly transport: Transport;
  close(): Promise<void>;
}

export async function openTpm(address: TpmAddress): Promise<OpenTpm> {
  const close = async () => {};
  switch (address.type) {
    case "device":
      return { transport: deviceTransport({ path: address.path }), close };
    case "socket":
      return { transport: swtpmTransport({ address: { path: address.path } }), close };
    case "emulator": {
      const { transport, stop } = await startEmulator(address.directory);
      return { transport, close: stop };
    }
  }
}

/** One transaction whose answers need no protection: what is asked is public. */
export function askTpm<T>({ transport }: OpenTpm, work: (tpm: Tpm) => Promise<T>): Promise<T> {
  return Tpm.transact(transport, { entropy: systemEntropy, pause }, work);
}
