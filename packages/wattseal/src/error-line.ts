import { messageOf } from "@wattseal/base";
import { LctKeysError } from "@wattseal/lct-keys/verify";
import { TpmError } from "@wattseal/tpm2";
import { RefusedByGateway } from "./control/client.js";

/** What the command line says of an error; with the code where the documentation goes by it. */
export function errorLine(thrown: unknown): string {
  const code = codeOf(thrown);
  return `wattseal: ${code === undefined ? "" : `${code}: `}${messageOf(thrown)}\n`;
}

function codeOf(thrown: unknown): string | undefined {
  if (thrown instanceof RefusedByGateway) return thrown.problem.code;
  return thrown instanceof LctKeysError || thrown instanceof TpmError ? thrown.code : undefined;
}
