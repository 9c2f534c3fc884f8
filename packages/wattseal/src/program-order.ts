import { fromHex, milliwattHours } from "@wattseal/base";
import { Argument, type Command, Option } from "commander";
import { parseDuration } from "./commands/duration.js";
import { parseEnergy, parseEntry, parseHash, parsePercent } from "./commands/energy.js";
import { parseLct } from "./commands/identity-issue.js";
import { orderKey, parseLife, parseTime, sendOrder } from "./commands/order.js";
import { example, type Report } from "./program-help.js";

const EXIT_TEXT =
  "\nExit status: 0 done, as the pack's log says; 1 refused, done in part, or no answer in time; 2 wrong usage; 3 no federation answers, or its broker is away.\n";
const PACK = `lct:pack:${"a".repeat(32)}`;

const hashOf = (hex: string | undefined) => (hex === undefined ? undefined : fromHex(hex));

/** An order to a pack that may be anywhere. */
function orders(command: Command, action: string): Command {
  return command
    .requiredOption("--pack <lct>", "whom it is for", parseLct)
    .requiredOption("--key <file>", "key file whose public half the pack's gateway.toml names")
    .addOption(new Option("--state <dir>", "state folder of the federation").conflicts("socket"))
    .option("--socket <path>", "instead: its socket for orders")
    .addOption(
      new Option("--life <duration>", "that it is good for, five minutes at most")
        .argParser(parseLife)
        .default(60_000, "60s"),
    )
    .addOption(
      new Option("--at <ms>", "UTC ms that its life begins at, for a pack on simulated time")
        .argParser(parseTime)
        .default(undefined, "now"),
    )
    .addOption(
      new Option("--wait <duration>", "for the answer in the pack's log")
        .argParser(parseDuration)
        .default(30_000, "30s"),
    )
    .option("--json", "print one JSON object", false)
    .addHelpText("after", EXIT_TEXT)
    .addHelpText(
      "after",
      example(`order ${action} --pack ${PACK} --key operator.pem --state ./fleet`),
    );
}

/** `wattseal order`: what isolate, allow, society and ledger resolve are at the pack, signed and from afar. */
export function addOrder(wattseal: Command, report: Report): void {
  const order = wattseal
    .command("order")
    .description("signed orders to packs, through their federation (docs/federation-mqtt.md)")
    .addHelpText(
      "after",
      example(`order isolate --pack ${PACK} --key operator.pem --state ./fleet`),
    );
  order
    .command("key")
    .description("draw a key that orders; a pack obeys it once its gateway.toml names it")
    .requiredOption("--out <file>", "key file to write")
    .option("--json", "print one JSON object", false)
    .addHelpText("after", example("order key --out operator.pem"))
    .action(async (options) => report(await orderKey(options)));
  orders(order.command("isolate"), "isolate")
    .description("have every module open its relay; none closes again before allow")
    .action(async (options) => report(await sendOrder({ action: "isolate", body: {} }, options)));
  orders(order.command("allow"), "allow")
    .description("let modules close their relays again after isolate")
    .action(async (options) => report(await sendOrder({ action: "allow", body: {} }, options)));
  addTickets(order, report);
  orders(order.command("certify"), "certify 200Wh --by load --certifier substation-4")
    .description("turn the oldest withheld energy into lots: something outside bore it out")
    .argument("<energy>", "such as 500Wh", parseEnergy)
    .addOption(
      new Option("--by <kind>", "what bears it out")
        .choices(["load", "application", "peer"] as const)
        .makeOptionMandatory(),
    )
    .requiredOption("--certifier <name>", "who: an LCT id or a name")
    .option("--proof <sha256>", "hash of what they said", parseHash)
    .action(async (energy: number, { by, certifier, proof, ...options }) => {
      const body = { amount: milliwattHours(energy), by, certifier, proof: hashOf(proof) };
      report(await sendOrder({ action: "certify", body }, options));
    });
  orders(order.command("resolve"), "resolve 412 accept")
    .description("settle a suspect interval")
    .argument("<entry>", "index of the energy.interval", parseEntry)
    .addArgument(
      new Argument("<decision>", "whether what it took in counts").choices([
        "accept",
        "reject",
      ] as const),
    )
    .option("--evidence <label>", "what settled it, such as pack-shunt", "operator")
    .option("--reason <text>", "for people", "")
    .action(async (interval: number, decision: "accept" | "reject", given) => {
      const { evidence, reason, ...options } = given;
      const body = { interval, decision, evidence, reason };
      report(await sendOrder({ action: "resolve", body }, options));
    });
}

function addTickets(order: Command, report: Report): void {
  orders(
    order.command("reserve"),
    `reserve 500Wh --worker lct:agent:${"b".repeat(32)} --task compute`,
  )
    .description("open a work ticket, which takes the oldest lots of ATP for 24 hours")
    .argument("<energy>", "such as 500Wh", parseEnergy)
    .requiredOption("--worker <lct>", "LCT id of who does the work", parseLct)
    .requiredOption("--task <label>", "what the work is, such as compute or maintenance")
    .option("--order <sha256>", "hash of the order", parseHash)
    .action(async (energy: number, { worker, task, order: hash, ...options }) => {
      const body = { amount: milliwattHours(energy), worker, task, order: hashOf(hash) };
      report(await sendOrder({ action: "reserve", body }, options));
    });
  orders(order.command("commit"), "commit 57 320Wh --quality 95")
    .description("close a ticket whose work is done")
    .argument("<ticket>", "index of its society.reserve", parseEntry)
    .argument("[energy]", "what the work took of what it still holds", parseEnergy)
    .addOption(
      new Option("--quality <percent>", "of the work: its worker's share of reputation")
        .argParser(parsePercent)
        .default(10_000, "100"),
    )
    .option("--proof <sha256>", "hash of what shows that the work is done", parseHash)
    .action(async (ticket: number, energy: number | undefined, given) => {
      const { quality, proof, ...options } = given;
      const amount = energy === undefined ? undefined : milliwattHours(energy);
      const body = { ticket, amount, quality, proof: hashOf(proof) };
      report(await sendOrder({ action: "commit", body }, options));
    });
  orders(order.command("rollback"), "rollback 57")
    .description("close a ticket whose work failed; what it holds returns to its lots")
    .argument("<ticket>", "index of its society.reserve", parseEntry)
    .action(async (ticket: number, options) =>
      report(await sendOrder({ action: "rollback", body: { ticket } }, options)),
    );
}
