import { lctId } from "@wattseal/base";
import { expect, it } from "vitest";
import { fitOf } from "./approvals.js";

const present = new Uint8Array(32).fill(1);

function fit(version: number, confirmed: number | undefined, pcrDigest = present): string {
  const lct = lctId(`lct:pack:${"a".repeat(32)}`);
  const approval = { lct, version, pcrDigest, signature: new Uint8Array(64) };
  return fitOf({ file: "a.boot", approval }, present, confirmed).fit;
}

it("says of an approval what the signer will make of it in this boot", () => {
  expect(fit(3, 3)).toBe("fits");
  expect(fit(103, 3)).toBe("fits");
  expect(fit(3, 3, new Uint8Array(32))).toBe("is for another boot");
  expect(fit(2, 3)).toBe("is older than 3, in force");
  // the signer refuses to wear its counter out for a version that was mistyped
  expect(fit(104, 3)).toBe("is more than 100 above 3, in force");
  expect(fit(104, undefined)).toBe("fits");
});

it("says nothing of a boot that was not read, and repeats what is wrong with a file", () => {
  expect(fitOf({ file: "a.boot", problem: "no approval" }, present, 0).fit).toBe(
    "refused: no approval",
  );
});
