import { expect, it } from "vitest";
import { alarmDetail } from "./alarm-detail.js";

it.each([
  [{ base: 0x51d }, '{"base":"0x51D"}'],
  [{ class: "urgent", id: 0x18c70005 }, '{"class":"urgent","id":"0x18C70005"}'],
  [{ class: "normal", counter: 26, type: 4 }, '{"class":"normal","counter":26,"type":4}'],
])("the detail of an alarm has identifiers in hexadecimal: %j", (detail, text) => {
  expect(alarmDetail(detail)).toBe(text);
});
