// The tables of docs/scale.md.

import { costOf, SHARD } from "./cost.mjs";
import { costsOf, FLEET, KINDS, LOGS, PRICES } from "./inputs.mjs";
import { simulateShard } from "./shard.mjs";

/** @typedef {import("./inputs.mjs").Kind} Kind */
/** @typedef {ReturnType<typeof simulateShard>} Seen */

const MINUTES = 3;
const MINUTE = 60_000;
/** Minutes for what an interruption left behind. */
const REST = 10;
/** When a part goes: as a minute's batches are about to come. */
const AT = 2 * MINUTE - 500;
const DAY = 1_440;

/** Everything that `npm run scale` prints, Markdown. */
export function scaleTables() {
  const parts = [inputTable(), arrivalTable(), memoryTable(), awayTable(), costTable()];
  return parts.join("\n");
}

/** @param {string} title @param {readonly string[]} head @param {readonly (readonly string[])[]} rows */
function table(title, head, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const rule = `|---|${"--:|".repeat(head.length - 1)}`;
  return [`### ${title}`, "", line(head), rule, ...rows.map(line), ""].join("\n");
}

/**
 * @param {Kind} kind
 * @param {Partial<Parameters<typeof simulateShard>[0]>} of what is not as usual
 */
function seen(kind, of) {
  return simulateShard({
    packs: SHARD,
    minutes: MINUTES,
    spreadMs: FLEET.clockMs.value,
    network: { least: FLEET.oneWayMs.value, mean: FLEET.jitterMs.value },
    costs: costsOf(kind),
    ...of,
  });
}

function inputTable() {
  const named = [...Object.values(FLEET), ...Object.values(LOGS), ...Object.values(PRICES)];
  const ofKinds = KINDS.flatMap(({ name, ...inputs }) =>
    Object.values(inputs).map((it) => ({ ...it, unit: `${it.unit} (${name})` })),
  );
  const rows = [...named, ...ofKinds].map(({ value, unit, from }) => [
    `${value.toLocaleString("en-US")} ${unit}`,
    from,
  ]);
  return table("What goes in", ["number", "from"], rows).replace("|--:|", "|---|");
}

function arrivalTable() {
  const spreads = [
    { what: "1 s: as gateways are", spreadMs: FLEET.clockMs.value },
    { what: "10 s", spreadMs: 10_000 },
    { what: "the whole minute", spreadMs: 60_000 },
  ];
  const rows = KINDS.flatMap((kind) =>
    [SHARD, 5_000, 20_000].flatMap((packs) =>
      spreads.map(({ what, spreadMs }) => {
        const it = seen(kind, { packs, spreadMs });
        const shard = `${kind.name}, ${packs.toLocaleString("en-US")} packs`;
        return [shard, what, ...times(it), share(it), percent(it.busy)];
      }),
    ),
  );
  const head = ["shard", "a minute's batches come within", "p50", "p99", "longest"];
  return table(
    "From a checkpoint to its receipt, if every pack were in the worker's memory",
    [...head, "over 10 s", "worker busy"],
    rows,
  );
}

function memoryTable() {
  const rows = KINDS.flatMap((kind) =>
    [SHARD, 1_024, 1_025, 2_000].map((packs) => {
      const logs = { inMemory: LOGS.inMemory.value, replayMs: replayMs(kind, 1) };
      const it = seen(kind, { packs, logs });
      const shard = `${kind.name}, ${packs.toLocaleString("en-US")} packs`;
      return [shard, ...times(it), share(it), percent(it.busy)];
    }),
  );
  const head = ["shard", "p50", "p99", "longest", "over 10 s", "worker busy"];
  return table("The same as it is, with logs of one day", head, rows);
}

function awayTable() {
  const rows = KINDS.flatMap((kind) => {
    const worker = { at: AT, ms: 5_000 };
    const ages = [
      { what: "a day", days: 1 },
      { what: "30 days", days: 30 },
    ];
    const started = ages.map(({ what, days }) => {
      const logs = { inMemory: LOGS.inMemory.value, replayMs: replayMs(kind, days) };
      const total = (SHARD * logs.replayMs) / MINUTE;
      const it = seen(kind, { minutes: Math.ceil(1.2 * total) + REST, worker, logs });
      return [`worker away 5 s, logs of ${what}`, ...after(it)];
    });
    const broker = [30_000, 3_600_000].map((ms) => {
      const it = seen(kind, { minutes: REST + Math.ceil(ms / MINUTE), broker: { at: AT, ms } });
      return [`broker away ${ms < 60_000 ? "30 s" : "1 h"}`, ...after(it)];
    });
    return [...started, ...broker].map((cells) => [kind.name, ...cells]);
  });
  return table(
    `What an interruption does to ${SHARD.toLocaleString("en-US")} packs`,
    [
      "shard",
      "what is away",
      "longest wait",
      "receipts that took over 10 s",
      "the last of these came after",
    ],
    rows,
  );
}

/** @param {Kind} kind @param {number} days */
function replayMs(kind, days) {
  return (1_000 * days * DAY * FLEET.entries.value) / kind.replay.value;
}

function costTable() {
  const rows = KINDS.flatMap((kind) => {
    const cost = costOf(kind);
    return [
      ["CPU", `${(cost.cpuSeconds / 3_600).toPrecision(2)} core-hours`, cost.cpuPrice],
      [
        "a year's entries, kept for a year",
        `${cost.storedGb.toPrecision(2)} GB`,
        cost.keepingPrice,
      ],
      ["sent by the pack", `${cost.upGb.toPrecision(2)} GB`, undefined],
      ["sent to the pack", `${cost.downGb.toPrecision(2)} GB`, cost.downPrice],
    ].map(([what, amount, price]) => [
      kind.name,
      `${what}`,
      `${amount}`,
      typeof price === "number" ? price.toFixed(2) : "-",
    ]);
  });
  const head = ["shard", "what", "a pack and year", "USD"];
  const fleet = KINDS.map((kind) => {
    const { fleetCores, fleetPetabytes } = costOf(kind);
    const shards = (FLEET.packs.value / SHARD).toLocaleString("en-US");
    return [kind.name, shards, rounded(fleetCores), fleetPetabytes.toPrecision(2)];
  });
  return [
    table("What a pack takes in a year", head, rows),
    table(
      "All packs",
      ["shard", "shards", `cores, ${percent(PRICES.busy.value)} busy`, "PB more each year"],
      fleet,
    ),
  ].join("\n");
}

/** @param {Seen} it */
const times = ({ p50, p99, longest }) => [p50, p99, longest].map(duration);
/** @param {Seen} it */
const share = ({ late, receipts }) => percent(late / receipts);
/** @param {Seen} it */
const after = ({ longest, late, lateUntil }) => [
  duration(longest),
  late.toLocaleString("en-US"),
  late === 0 ? "-" : duration(lateUntil - AT),
];

/** @param {number} value */
const percent = (value) => `${(100 * value).toFixed(value > 0 && value < 0.01 ? 1 : 0)} %`;
/** @param {number} value */
const rounded = (value) => Number(value.toPrecision(2)).toLocaleString("en-US");

/** @param {number} ms */
function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms / 10) * 10} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}
