import { type LogFields, silentLogger } from "@wattseal/base";
import { expect, it, onTestFinished } from "vitest";
import { START } from "../clock.fixture.js";
import { makePack } from "../pack.fixture.js";
import { enterStatements } from "./statements.js";

it("a statement that is refused for now keeps no other from being entered, and is entered when it may be", async () => {
  const { openLog, begin, statements, clock } = await makePack((cleanUp) =>
    onTestFinished(cleanUp),
  );
  const source = "source charger: its capacity is proven in the future";
  clock.jump(-86_400_000);
  const told: (LogFields | undefined)[] = [];
  const logger = {
    ...silentLogger,
    error: (_: string, fields?: LogFields) => void told.push(fields),
  };
  const first = await openLog();
  await begin(first);
  await enterStatements(first, statements, logger);
  expect(told).toEqual([{ type: "society.source", error: expect.stringContaining(source) }]);
  expect(first.fold.summary().supply).toBe(50_000_000);
  await first.endEpoch("shutdown");
  await first.close();

  clock.jump(START + 1000 - clock.now());
  const second = await openLog();
  onTestFinished(() => second.close());
  await begin(second);
  await enterStatements(second, statements, logger);
  expect(told).toHaveLength(1);
  expect(second.entered.missingStatements(statements)).toEqual([]);
});
