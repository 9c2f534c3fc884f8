import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogFields, lctId, silentLogger } from "@wattseal/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeBootApproval } from "../verify/boot-approval.js";
import { bootApprovalsIn } from "./boot-folder.js";

describe("the folder of boot approvals", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "wattseal-boot-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const approval = (version: number) => ({
    lct: lctId(`lct:pack:${"a".repeat(32)}`),
    version,
    pcrDigest: new Uint8Array(32).fill(version),
    signature: new Uint8Array(64),
  });
  const put = (name: string, content: Uint8Array) => writeFile(join(directory, name), content);

  it("gives every approval in it, and tells the log which files hold none", async () => {
    await put("1.boot", encodeBootApproval(approval(1)));
    await put("2.boot", encodeBootApproval(approval(2)));
    await put("3.boot.draft", encodeBootApproval(approval(3)));
    await put("cut.boot", encodeBootApproval(approval(4)).subarray(0, 40));
    await put("long.boot", new Uint8Array(1_025));
    await put("empty.boot", new Uint8Array(0));
    await mkdir(join(directory, "folder.boot"));
    const told: LogFields[] = [];
    const log = { ...silentLogger, warn: (_: string, fields?: LogFields) => told.push(fields!) };
    const found = await bootApprovalsIn(directory, log as typeof silentLogger);
    expect(found.map(({ version }) => version)).toEqual([1, 2]);
    const files = ["cut.boot", "empty.boot", "folder.boot", "long.boot"];
    expect(told.map(({ file }) => file)).toEqual(files);
  });

  it("holds none where it is not there", async () => {
    expect(await bootApprovalsIn(join(directory, "missing"), silentLogger)).toEqual([]);
  });
});
