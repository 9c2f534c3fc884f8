import { expect, it } from "vitest";
import { gatewayOf } from "../control/control.fixture.js";
import { OPERATIONS } from "../control/operations.js";
import { renderStatus } from "./table.js";

it("says what holds the keys, what the epoch is worth, and which half the TPM would not open", async () => {
  const status = await OPERATIONS.status.run(gatewayOf().gateway, undefined);
  const lines = renderStatus(status);
  expect(lines).toContain("signer     epoch 7 unattested   bound to tpm   TPM (device)");
  expect(lines).toContain("REFUSED    device half b.sealed: approve this boot");
  expect(lines.filter((line) => line.includes("a.sealed"))).toEqual([]);
});
