import { Argument, type Command, Option } from "commander";
import { parseEnergy, parsePercent } from "./commands/energy.js";
import { parseLct } from "./commands/identity-issue.js";
import {
  parseDays,
  parseLcts,
  parsePolicyWitness,
  parseSerial,
  parseWatts,
  signMint,
  signPolicy,
  signSource,
} from "./commands/statement.js";
import { example, type Report } from "./program-help.js";

const PACK = `lct:pack:${"a".repeat(32)}`;
const SOURCES = [
  ...["solar", "wind", "grid", "battery", "regen", "fuel", "compute", "labour", "declared"],
];

const MINT_EXAMPLE = example(
  `statement mint 20kWh --serial 2 --society ${PACK} --authority authority.pem --out mint.cose`,
);

/** `wattseal statement`: what only the authority says (docs/energy.md). */
export function addStatement(wattseal: Command, report: Report): void {
  const statement = wattseal
    .command("statement")
    .description("what the authority signs for a pack's accounts: supply, policy, sources")
    .addHelpText("after", MINT_EXAMPLE);
  signs(statement.command("mint"))
    .description("raise the minted supply, which is what ATP and ADP add up to")
    .addArgument(new Argument("<energy>", "such as 20kWh").argParser(parseEnergy))
    .requiredOption("--serial <n>", "above the last one's, so that it counts once", parseSerial)
    .addHelpText("after", MINT_EXAMPLE)
    .action(async (energy, options) => report(await signMint(energy, options)));
  signs(statement.command("source"))
    .description("prove what a source can give; how long that holds goes by its kind")
    .argument("<name>", "as gateway.toml names it (society.source)")
    .addOption(new Option("--kind <kind>", "what it is").choices(SOURCES).makeOptionMandatory())
    .requiredOption("--watts <n>", "rated power", parseWatts)
    .option("--meter <lct>", "LCT of the meter: compute and labour need one", parseLct)
    .addHelpText(
      "after",
      example(
        `statement source depot-grid --kind grid --watts 150000 --society ${PACK} --authority authority.pem --out source.cose`,
      ),
    )
    .action(async (name, options) => report(await signSource(name, options)));
  addPolicyStatement(statement, report);
}

const share = (flags: string, tier: string, bps: number) =>
  new Option(flags, `share of a charge that becomes a lot at once, tier ${tier}`)
    .argParser(parsePercent)
    .default(bps, String(bps / 100));
const days = (flags: string, what: string) =>
  new Option(flags, what).argParser(parseDays).default(7, "7");

function addPolicyStatement(statement: Command, report: Report): void {
  signs(statement.command("policy"))
    .description("set the terms of a pack's accounts")
    .requiredOption("--serial <n>", "version, above the last one's", parseSerial)
    .addOption(share("--high <percent>", "high", 10_000))
    .addOption(share("--developing <percent>", "developing", 9_000))
    .addOption(share("--low <percent>", "low", 6_000))
    .addOption(
      new Option("--tier <tier>", "the tier in force")
        .choices(["high", "developing", "low"])
        .default("low"),
    )
    .addOption(days("--lot-days <n>", "life of a lot"))
    .addOption(days("--withheld-days <n>", "life of what is withheld"))
    .addOption(
      new Option("--waste-alert <energy>", "waste in one entry above which the operator is told")
        .argParser(parseEnergy)
        .default(100_000, "100Wh"),
    )
    .option(
      "--declared-cap <energy>",
      "that may ever be charged from sources of kind declared; else none",
      parseEnergy,
    )
    .option("--witness <lct=vkey>", "whose log decides trades; several times", parsePolicyWitness)
    .option("--counterparty <lct>", "a society to trade with; several times", parseLcts)
    .addHelpText(
      "after",
      example(
        `statement policy --serial 2 --tier developing --society ${PACK} --authority authority.pem --out policy.cose`,
      ),
    )
    .action(async (options) => report(await signPolicy(options)));
}

function signs(command: Command): Command {
  return command
    .requiredOption("--authority <file>", "key file of the authority that signs")
    .requiredOption("--society <lct>", "LCT of the pack", parseLct)
    .requiredOption("--out <file>", "file to write; never overwritten")
    .option("--json", "print one JSON object", false);
}
