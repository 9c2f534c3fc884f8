import { expect, it } from "vitest";
import { moduleAt, pairingOf, recording } from "../metering/recording.fixture.js";

it("a module that is gone from the pack's record is unpaired in the log, once, and paired again when it is back", async () => {
  const [first, second] = [moduleAt(1), moduleAt(2)];
  const { log } = await recording([first, second]);
  const { entered } = log;
  expect(entered.goneModules(pairingOf([first, second]))).toEqual([]);
  const gone = entered.goneModules(pairingOf([first]));
  expect(gone).toEqual([
    { type: "link.unpaired", body: { module: second.uid, reason: "removed" } },
  ]);
  await log.append(...gone);
  expect(entered.goneModules(pairingOf([first]))).toEqual([]);
  expect(entered.missingPairings(pairingOf([first]))).toEqual([]);
  const back = entered.missingPairings(pairingOf([first, second]));
  expect(back.map(({ body }) => body.module)).toEqual([second.uid]);
  await log.append(...back);
});
