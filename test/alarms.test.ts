import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), "utf8");
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name!);

it("docs/alarms.md has every kind of alarm that a gateway enters, and no other", async () => {
  const link = await read("packages/can-protocol/src/link/alarm.ts");
  const clear = await read("packages/can-protocol/src/legacy/types.ts");
  const shunt = await read("packages/can-protocol/src/shunt/receiver.ts");
  const recorder = await read("packages/gateway/src/metering/recorder.ts");
  const gateway = await read("packages/gateway/src/gateway.ts");
  const listeners = await read("packages/gateway/src/listeners.ts");
  const kinds = [
    ...all(link, /kind: "([a-z-]+)"/g),
    ...all(clear, /kind: "(clear-[a-z-]+)"/g),
    ...all(shunt.match(/readonly kind: (?:"[a-z-]+"(?: \| )?)+/)?.[0] ?? "", /"([a-z-]+)"/g),
    ...all(recorder, /#packAlarm\("([a-z-]+)"/g),
    ...all(gateway + listeners, /recorder(?:\(\))?\.notice\(module, "([a-z-]+)"/g),
    ...all(gateway + listeners, /recorder(?:\(\))?\.packNotice\("([a-z-]+)"/g),
  ];
  expect(kinds.length).toBeGreaterThan(12);
  const rows = all(await read("docs/alarms.md"), /^\| `([a-z-]+)` \|/gm);
  expect(rows.toSorted()).toEqual(kinds.toSorted());
});
