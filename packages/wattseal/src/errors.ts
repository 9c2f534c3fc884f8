import { WattsealError } from "@wattseal/base";

/** Documented in the README; a script can rely on them. */
export const EXIT = {
  ok: 0,
  /** It ran, and the answer is no: something did not verify, or was not witnessed. */
  failed: 1,
  /** The command line, the configuration or the state folder is wrong: nothing was done. */
  usage: 2,
  /** Something that it needs failed or is damaged: a file's content, the disk, the bus, the broker. */
  unavailable: 3,
} as const;

export type CliErrorCode =
  | "usage"
  | "config"
  | "state-exists"
  | "state-missing"
  | "bad-replay"
  | "bad-scenario"
  /** Another process that must be there is not. */
  | "unreachable";

/** The user can put it right; the message says how. */
export class CliError extends WattsealError<CliErrorCode> {
  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(code, code === "unreachable" ? "hardware" : "usage", message, options);
  }
}
