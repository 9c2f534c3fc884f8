import { type Command, Option } from "commander";
import { parseDuration, parseModules } from "./commands/duration.js";
import { parsePacks, parseRate, parseSeed, simFleet } from "./commands/fleet.js";
import { LOG_LEVELS } from "./ports/system.js";
import { example, type Report } from "./program-help.js";

const NOTES = `
Each pack has its own folder, log, signer, epoch and MQTT connection: the gateway's own, but for the bus. Its time runs as
its rate makes it: a minute's intervals at each step. Packs are made in DIR/fleet, signed by DIR's authority, and go on
where they ended. A broker that goes by certificates: --names first, then a certificate for each name.
Exit status: 0 every entry has a receipt (and, with --embedded, its bytes are stored); 1 not so, or something was refused.
`;

/** `sim fleet`: load and demonstration for a broker and its federation. */
export function addFleet(sim: Command, report: Report): void {
  sim
    .command("fleet")
    .description("many light packs with real logs and signatures, against any MQTT broker")
    .requiredOption("--packs <n>", "packs", parsePacks)
    .option("--broker <url>", "mqtt:// or mqtts:// broker that a federation listens at")
    .option("--embedded", "instead: a federation with its broker in this process", false)
    .option(
      "--state <dir>",
      "state folder whose federation accepts the packs (default with --embedded: a fresh one, removed)",
    )
    .option(
      "--certificates <dir>",
      "for mqtts://: ca.pem, and NAME.pem with NAME.key for each pack",
    )
    .option("--rate <entries/s>", "of each pack", parseRate, 1)
    .option("--modules <n>", "modules of a pack that is made, 1 to 31", parseModules, 4)
    .option(
      "--for <duration>",
      "stop after this long, such as 60s (default: at Ctrl-C)",
      parseDuration,
    )
    .option(
      "--drain <duration>",
      "wait so long for the last receipts (default: 60s)",
      parseDuration,
    )
    .option("--seed <n>", "of what is metered, and of the packs' phases", parseSeed, 1)
    .option("--names", "make the packs, print their names, and end", false)
    .option("--json", "print one JSON object as the last line", false)
    .addOption(
      new Option("--log-level <level>", "log lines on standard error")
        .choices(LOG_LEVELS)
        .default("error"),
    )
    .addHelpText("after", NOTES)
    .addHelpText(
      "after",
      example(
        "sim fleet --packs 100 --embedded --for 60s\n" +
          "  $ wattseal sim fleet --packs 1000 --state ./pack --broker mqtt://127.0.0.1:1883 --rate 0.2",
      ),
    )
    .action(async (options) => report(await simFleet(options)));
}
