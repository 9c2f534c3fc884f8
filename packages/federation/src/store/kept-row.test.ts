import { utf8 } from "@wattseal/base";
import { packName } from "@wattseal/uplink";
import { expect, it } from "vitest";
import { TestPack } from "../fleet.fixture.js";
import { forkedPacksIn, forksIn } from "./kept-row.js";
import { rowOf } from "./row.js";

it("reads what workers kept, whatever else somebody wrote into the table", () => {
  const pack = packName(new TestPack().name);
  const fork = { pack, kind: "epoch", size: 1, payload: utf8("evidence"), receipt: "" } as const;
  const rows = [
    { ...fork, pack: "no pack" },
    { ...fork, size: "9223372036854775807" },
    fork,
    { ...fork, payload: null },
  ].map(rowOf);
  expect(forksIn(rows)).toEqual([fork]);
  expect(forkedPacksIn(rows)).toEqual([pack, pack, pack]);
});
