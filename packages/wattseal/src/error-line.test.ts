import { LctKeysError } from "@wattseal/lct-keys/verify";
import { TpmError } from "@wattseal/tpm2";
import { expect, it } from "vitest";
import { RefusedByGateway } from "./control/client.js";
import { errorLine } from "./error-line.js";
import { CliError } from "./errors.js";

it("leads with the code that the documentation goes by", () => {
  for (const code of ["state-rolled-back", "counter-rolled-back", "tpm-replaced"] as const) {
    const line = errorLine(new LctKeysError(code, "put it back"));
    expect(line).toBe(`wattseal: ${code}: put it back\n`);
  }
  const away = new TpmError("tpm-unreachable", "no TPM there");
  expect(errorLine(away)).toBe("wattseal: tpm-unreachable: no TPM there\n");
  const problem = { title: "", status: 503, code: "signer-unreachable", detail: "start it" };
  const refused = errorLine(new RefusedByGateway(problem));
  expect(refused).toBe("wattseal: signer-unreachable: start it\n");
});

it("says only what to do where the command line is wrong", () => {
  expect(errorLine(new CliError("usage", "Say which."))).toBe("wattseal: Say which.\n");
});
