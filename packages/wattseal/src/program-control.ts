import { Argument, type Command, Option } from "commander";
import { allow, isolate, status } from "./commands/control.js";
import { parseDuration } from "./commands/duration.js";
import { parseEnergy, parseEntry, parseHash, parsePercent } from "./commands/energy.js";
import {
  certify,
  commit,
  escrow,
  reportWork,
  reserve,
  resolveInterval,
  rollback,
  settle,
  showSociety,
} from "./commands/society.js";
import { controls, example, type Report } from "./program-help.js";

const EXIT_TEXT =
  "\nExit status: 0 done, and durable; 1 the gateway refused, nothing was entered; 2 wrong usage; 3 no gateway answers, or it cannot.\n";

/** What a running gateway is asked and ordered at its control socket. */
export function addControl(wattseal: Command, report: Report): void {
  controls(wattseal.command("status"))
    .description("a running gateway: modules, energy, accounts, log, uplink")
    .addHelpText("after", example("status --state ./pack"))
    .action(async (options) => report(await status(options)));
  controls(wattseal.command("isolate"))
    .description("order every module to open its relay; none closes again before allow")
    .addHelpText(
      "after",
      "\nExit status: 0 every module obeyed; 1 one did not say so; 2 wrong usage; 3 no gateway answers.\n",
    )
    .addHelpText("after", example("isolate --state ./pack"))
    .action(async (options) => report(await isolate(options)));
  controls(wattseal.command("allow"))
    .description("let modules close their relays again after isolate")
    .addHelpText("after", example("allow --state ./pack"))
    .action(async (options) => report(await allow(options)));
  addSociety(wattseal, report);
}

function addSociety(wattseal: Command, report: Report): void {
  const society = wattseal
    .command("society")
    .description("the pack's energy accounts, and orders of them (docs/energy.md)")
    .addHelpText("after", example("society show --state ./pack"));
  controls(society.command("show"))
    .description("accounts, open tickets, and suspect intervals that can be settled")
    .addHelpText("after", example("society show --state ./pack"))
    .action(async (options) => report(await showSociety(options)));
  controls(society.command("reserve"))
    .description("open a work ticket, which takes the oldest lots of ATP for 24 hours")
    .argument("<energy>", "such as 500Wh", parseEnergy)
    .requiredOption("--worker <lct>", "LCT id of who does the work")
    .requiredOption("--task <label>", "what the work is, such as compute or maintenance")
    .option("--order <sha256>", "hash of the order", parseHash)
    .addHelpText("after", EXIT_TEXT)
    .addHelpText(
      "after",
      example(
        `society reserve 500Wh --worker lct:agent:${"a".repeat(32)} --task compute --state ./pack`,
      ),
    )
    .action(async (energy, options) => report(await reserve(energy, options)));
  controls(society.command("commit"))
    .description("close a ticket whose work is done")
    .argument("<ticket>", "as reserve said it", parseEntry)
    .argument(
      "[energy]",
      "what the work took of what the ticket still holds; none where windows used all of it",
      parseEnergy,
    )
    .addOption(percent("--quality <percent>", "of the work: its worker's share of reputation"))
    .option("--proof <sha256>", "hash of what shows that the work is done", parseHash)
    .addHelpText("after", EXIT_TEXT)
    .addHelpText("after", example("society commit 57 320Wh --quality 95 --state ./pack"))
    .action(async (ticket, energy, options) => report(await commit(ticket, energy, options)));
  controls(society.command("rollback"))
    .description("close a ticket whose work failed; what it holds returns to its lots")
    .argument("<ticket>", "as reserve said it", parseEntry)
    .addHelpText("after", EXIT_TEXT)
    .addHelpText("after", example("society rollback 57 --state ./pack"))
    .action(async (ticket, options) => report(await rollback(ticket, options)));
  controls(society.command("certify"))
    .description("turn the oldest withheld energy into lots: something outside bore it out")
    .argument("<energy>", "such as 500Wh", parseEnergy)
    .addOption(
      new Option("--by <kind>", "what bears it out")
        .choices(["load", "application", "peer"])
        .makeOptionMandatory(),
    )
    .requiredOption("--certifier <name>", "who: an LCT id or a name")
    .option("--proof <sha256>", "hash of what they said", parseHash)
    .addHelpText("after", EXIT_TEXT)
    .addHelpText(
      "after",
      example("society certify 200Wh --by load --certifier substation-4 --state ./pack"),
    )
    .action(async (energy, options) => report(await certify(energy, options)));
  addTrade(society, report);
}

/** All of it unless said otherwise, which help has to give as one writes it and not as it is held. */
const percent = <Flags extends string>(flags: Flags, description: string) =>
  new Option(flags, description).argParser(parsePercent).default(10_000, "100");

/** What passes between societies: docs/society-trade.md. */
function addTrade(society: Command, report: Report): void {
  controls(society.command("escrow"))
    .description("keep the oldest lots for a trade that the common witness decides")
    .argument("<energy>", "such as 500Wh", parseEnergy)
    .requiredOption("--buyer <lct>", "the society that gets the energy")
    .requiredOption("--witness <lct>", "the society whose log decides")
    .addOption(percent("--rate <percent>", "of the energy that arrives"))
    .option("--fee <energy>", "taken off what arrives", parseEnergy)
    .addOption(
      new Option("--within <duration>", "that the witness has to commit in")
        .argParser(parseDuration)
        .default(600_000, "10m"),
    )
    .addHelpText("after", EXIT_TEXT)
    .addHelpText(
      "after",
      example("society escrow 500Wh --buyer LCT --witness LCT --rate 98 --state ./pack"),
    )
    .action(async (energy, options) => report(await escrow(energy, options)));
  controls(society.command("report"))
    .description("close a ticket whose work was for another society, which can charge it")
    .argument("<ticket>", "as reserve said it", parseEntry)
    .argument("[energy]", "of what the ticket still holds; all of it without", parseEnergy)
    .requiredOption("--parent <lct>", "the society that the work was for")
    .addOption(percent("--quality <percent>", "as for a commit"))
    .option("--proof <sha256>", "hash of what shows that the work is done", parseHash)
    .addHelpText("after", EXIT_TEXT)
    .addHelpText("after", example("society report 57 320Wh --parent LCT --state ./pack"))
    .action(async (ticket, energy, options) => report(await reportWork(ticket, energy, options)));
  controls(society.command("settle"))
    .description("enter what another log's entry means here: a trade's end, or a citizen's work")
    .argument("<file>", "proof file of the witness's decision or the citizen's report")
    .addHelpText("after", EXIT_TEXT)
    .addHelpText("after", example("society settle decision.proof --state ./pack"))
    .action(async (file, options) => report(await settle(file, options)));
}

/** `wattseal ledger resolve`, beside what reads a log. */
export function addResolve(ledger: Command, report: Report): void {
  controls(ledger.command("resolve"))
    .description("settle a suspect interval at a running gateway")
    .argument("<entry>", "index of the energy.interval", parseEntry)
    .addArgument(
      new Argument("<decision>", "whether what it took in counts").choices(["accept", "reject"]),
    )
    .option("--evidence <label>", "what settled it, such as pack-shunt", "operator")
    .option("--reason <text>", "for people", "")
    .addHelpText("after", EXIT_TEXT)
    .addHelpText("after", example("ledger resolve 412 accept --evidence pack-shunt --state ./pack"))
    .action(async (entry, decision, options) =>
      report(await resolveInterval(entry, decision, options)),
    );
}
