import { access, readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { recording, temporaryFolder, wattseal } from "./support/program.js";
import { hasCanUtils, hasTshark, output, packetsOf } from "./support/trace-tools.js";

const car = recording("can/car-8s.candump.log");
const tshark = hasTshark();
const canUtils = hasCanUtils();
const needs = (have: boolean, debian: string) =>
  have ? "" : ` (skipped: ${debian} is not installed; apt-get install ${debian})`;

/** Every kind of record, as candump -l writes it. */
const KINDS = `(1700000000.123456) can0 123#1122
(1700000000.223456) can0 18FF1234#R
(1700000000.323456) can0 00000012#AABB
(1700000000.423456) can0 12345678##1112233445566778899001122
(1700000000.423457) can0 123##0
(1700000000.423458) can0 123##3AA
(1700000000.600002) can0 1FFFFFFF#
(1700000000.700000) can0 20000080#0000000000000000
`;

async function convert(from: string, to: string) {
  const { status, stdout, stderr } = await wattseal(["sim", "convert", from, to, "--json"]);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** What tshark is to say of each line of a candump file. */
function expectedPackets(candump: string): string[] {
  return candump
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, time = "", id = "", mark = "", data = ""] =
        /^\((\S+)\) \S+ (\w+)#(#\w|R?)(\w*)/.exec(line) ?? [];
      const error = id.length === 8 && id.startsWith("2");
      return [
        `${time}000`,
        error ? "" : Number.parseInt(id, 16),
        data.length / 2,
        // Of an error frame tshark says in words what its data mean.
        error ? "" : data.toLowerCase(),
        error ? "" : Number(id.length === 8),
        mark.startsWith("#") ? Number.parseInt(mark.slice(1), 16) & 1 : "",
      ].join("|");
    });
}

describe("a recorded run", () => {
  for (const bus of ["classic", "fd"]) {
    it.skipIf(!tshark)(
      `over ${bus} CAN opens in tshark, with our frames and times${needs(tshark, "tshark")}`,
      async () => {
        const folder = await temporaryFolder();
        const files = { log: `${folder}/run.log`, pcap: `${folder}/run.pcap` };
        const record = ["--candump", files.log, "--pcap", files.pcap];
        const length = ["--for", "3s", "--modules", "3", "--state", `${folder}/state`];
        const flags = bus === "fd" ? ["--fd"] : [];
        const run = await wattseal([
          "start",
          "--tpm",
          "none",
          "--json",
          ...length,
          ...record,
          ...flags,
        ]);
        expect(run.status, run.stderr).toBe(0);
        const { packets, malformed } = await packetsOf(files.pcap);
        const candump = await readFile(files.log, "utf8");
        expect(malformed).toEqual([]);
        expect(packets.length).toBeGreaterThan(100);
        expect(packets).toEqual(expectedPackets(candump));
        expect(candump.includes("##1")).toBe(bus === "fd");
        expect(run.stderr).toContain(`${files.pcap}: ${packets.length} records`);
      },
    );
  }

  it("refuses a file that it cannot write, before anything runs", async () => {
    const folder = await temporaryFolder();
    const options = [
      "--for",
      "1s",
      "--state",
      `${folder}/state`,
      "--pcap",
      `${folder}/no/run.pcap`,
    ];
    const { status, stderr } = await wattseal(["start", "--tpm", "none", ...options]);
    expect(status).toBe(2);
    expect(stderr).toContain("run.pcap cannot be written");
  });
});

describe("wattseal sim convert", () => {
  it.skipIf(!tshark)(
    `writes a pcap of every kind of record that tshark reads as such${needs(tshark, "tshark")}`,
    async () => {
      const folder = await temporaryFolder();
      await writeFile(`${folder}/kinds.log`, KINDS);
      await convert(`${folder}/kinds.log`, `${folder}/kinds.pcap`);
      const { packets, malformed } = await packetsOf(`${folder}/kinds.pcap`);
      expect(malformed).toEqual([]);
      expect(packets).toEqual(expectedPackets(KINDS));
      const flags = ["can.flags.rtr", "can.flags.err", "canfd.flags.esi"];
      const fields = flags.flatMap((name) => ["-e", name]);
      const seen = await output("tshark", [
        ...["-r", `${folder}/kinds.pcap`, "-T", "fields", "-E", "separator=|"],
        ...fields,
      ]);
      const classic = "0|0|";
      const expected = [classic, "1|0|", classic, "||0", "||0", "||1", classic, "|1|"];
      expect(seen.trimEnd().split("\n")).toEqual(expected);
    },
  );

  it.skipIf(car === undefined || !tshark)(
    `gives tshark a recorded car as it was${needs(tshark, "tshark")}${car === undefined ? " (skipped: ../shared/data is absent)" : ""}`,
    async () => {
      const folder = await temporaryFolder();
      const counts = await convert(car!, `${folder}/car.pcap`);
      expect(counts).toEqual({
        records: 12_974,
        malformed: 0,
        leftOut: 0,
        lost: { "interface name": 12_974 },
      });
      const { packets, malformed } = await packetsOf(`${folder}/car.pcap`);
      expect(malformed).toEqual([]);
      const same = expectedPackets(await readFile(car!, "utf8"));
      expect(packets.length).toBe(same.length);
      expect(packets.findIndex((packet, i) => packet !== same[i])).toBe(-1);
    },
  );

  it.skipIf(car === undefined || !canUtils)(
    `writes of a recorded car the ASC file that log2asc does${needs(canUtils, "can-utils")}${car === undefined ? " (skipped: ../shared/data is absent)" : ""}`,
    async () => {
      const folder = await temporaryFolder();
      await convert(car!, `${folder}/car.asc`);
      const theirs = await output("log2asc", ["-I", car!, "vcan0"]);
      expect((await readFile(`${folder}/car.asc`, "utf8")) === theirs).toBe(true);
    },
  );

  it.skipIf(!canUtils)(
    `writes every kind of record as log2asc does, and reads what it wrote${needs(canUtils, "can-utils")}`,
    async () => {
      const folder = await temporaryFolder();
      // From a whole second on, as ours begin; log2asc makes up a duration and a length.
      const kinds = KINDS.replace(".123456", ".000000");
      await writeFile(`${folder}/kinds.log`, kinds);
      await convert(`${folder}/kinds.log`, `${folder}/kinds.asc`);
      const theirs = await output("log2asc", ["-I", `${folder}/kinds.log`, "can0"]);
      const unknown = theirs.replaceAll("  130000  130 ", "       0    0 ");
      expect(await readFile(`${folder}/kinds.asc`, "utf8")).toBe(unknown);
      await writeFile(`${folder}/theirs.asc`, theirs);
      await convert(`${folder}/theirs.asc`, `${folder}/back.log`);
      const back = await readFile(`${folder}/back.log`, "utf8");
      expect(back.replaceAll(" R\n", "\n")).toBe(kinds);
    },
  );

  it.skipIf(!canUtils)(
    `writes an ASC file that asc2log reads as what it was${needs(canUtils, "can-utils")}`,
    async () => {
      const folder = await temporaryFolder();
      await writeFile(`${folder}/kinds.log`, KINDS);
      await convert(`${folder}/kinds.log`, `${folder}/kinds.asc`);
      const theirs = await output("asc2log", ["-I", `${folder}/kinds.asc`]);
      // asc2log needs a German locale to understand the date, and else takes the present one.
      const frames = (text: string) => text.replaceAll(/^\(\S+\) | R$/gm, "");
      expect(frames(theirs)).toBe(frames(KINDS));
      const times = (text: string) => {
        const all = [...text.matchAll(/^\((\d+)\.(\d+)\)/gm)];
        const micros = all.map(([, s, us]) => Number(s) * 1e6 + Number(us));
        return micros.map((time) => time - (micros[0] ?? 0));
      };
      expect(times(theirs)).toEqual(times(KINDS));
    },
  );

  it("names malformed lines, counts them, and goes on", async () => {
    const folder = await temporaryFolder();
    const lines = KINDS.split("\n");
    await writeFile(
      `${folder}/bad.log`,
      [...lines.slice(0, 2), "what is this", ...lines.slice(2)].join("\n"),
    );
    const { status, stdout, stderr } = await wattseal(["sim", "convert", "bad.log", "good.asc"], {
      cwd: folder,
    });
    expect(status).toBe(0);
    expect(stderr).toContain("bad.log:3: ");
    expect(stdout).toBe(
      "good.asc: 8 records; 1 malformed, 0 that the format cannot hold\nnot kept, for want of a place in the format: unknown direction (7)\n",
    );
    await writeFile(`${folder}/text.log`, "nothing\nof the kind\n");
    const none = await wattseal(["sim", "convert", "text.log", "none.pcap"], { cwd: folder });
    expect(none.status).toBe(1);
    expect(none.stdout).toContain("none.pcap is not written");
    await expect(access(`${folder}/none.pcap`)).rejects.toThrow("ENOENT");
  });

  it("refuses wrong names, and says what it takes", async () => {
    const folder = await temporaryFolder();
    await writeFile(`${folder}/kinds.log`, KINDS);
    for (const [from, to, reason] of [
      ["absent.log", "out.pcap", "absent.log"],
      ["kinds.log", "out.blf", ".pcap"],
      ["kinds.log", "kinds.log", "one file"],
    ] as const) {
      const { status, stderr } = await wattseal(["sim", "convert", from, to], { cwd: folder });
      expect(status).toBe(2);
      expect(stderr).toContain(reason);
    }
  });
});
