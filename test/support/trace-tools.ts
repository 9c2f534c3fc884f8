/** Other people's programs that read and write traces of a CAN bus. */
import { execFile, execFileSync } from "node:child_process";

function answers(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

export const hasTshark = () => answers("tshark", ["--version"]);
export const hasCanUtils = () => answers("log2asc", ["-?"]) && answers("asc2log", ["-?"]);

/** Standard output of a program that is given UTC as its time zone. */
export function output(program: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, TZ: "UTC" };
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, maxBuffer: 1 << 28 }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
  });
}

const FIELDS = [
  "frame.time_epoch",
  "can.id",
  "can.len",
  "data.data",
  "can.flags.xtd",
  "canfd.flags.brs",
];

/** Each packet's fields as `time|id|length|data|extended|bit-rate switch`, and the numbers of those that tshark faults. */
export async function packetsOf(pcap: string) {
  const fields = FIELDS.flatMap((field) => ["-e", field]);
  const text = await output("tshark", [
    ...["-r", pcap, "-T", "fields", "-E", "separator=|"],
    ...fields,
  ]);
  const faults = [
    "-r",
    pcap,
    "-Y",
    "_ws.malformed || _ws.expert",
    "-T",
    "fields",
    "-e",
    "frame.number",
  ];
  const malformed = await output("tshark", faults);
  return {
    packets: text.split("\n").slice(0, -1),
    malformed: malformed.split("\n").filter((number) => number !== ""),
  };
}
