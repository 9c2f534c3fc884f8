import { type Command, Option } from "commander";
import { rotateKey } from "./commands/federation-rotate.js";
import { parseKind, parseLct } from "./commands/identity-issue.js";
import { adoptDocument, grantToken, parseHours, voidLct } from "./commands/registry.js";
import { example, type Report } from "./program-help.js";

const EXIT_TEXT =
  "\nExit status: 0 done; 1 the registry refused; 2 wrong usage; 3 no registry answers.\n";

/** A command for a running registry. */
function operates(command: Command): Command {
  return command
    .addOption(new Option("--state <dir>", "state folder of the federation").conflicts("socket"))
    .option("--socket <path>", "instead: the operator's socket of its registry")
    .option("--json", "print one JSON object", false)
    .addHelpText("after", EXIT_TEXT);
}

const listed = (text: string, before: readonly string[] = []) => [...before, text];

/** `wattseal federation token`, `adopt` and `rotate`. */
export function addRegistry(federation: Command, report: Report): void {
  addAdopt(federation, report);
  addRotate(federation, report);
  operates(federation.command("token"))
    .description("grant one enrolment: a token for wattseal init --enrol, told this once")
    .addOption(
      new Option("--kind <kind>", "of the LCT: pack, app, person, society, source or agent")
        .argParser(parseKind)
        .default("pack"),
    )
    .option("--context <text>", "what the document is to say; may be given several times", listed)
    .option("--succeeds <lct>", "LCT that the new one replaces; it is retired by it", parseLct)
    .option("--hours <n>", "that the token is good for", parseHours, 24)
    .addHelpText("after", example("federation token --context 'depot 3' --state ./fleet"))
    .action(async (options) => report(await grantToken(options)));
}

/** `wattseal federation adopt` */
function addAdopt(federation: Command, report: Report): void {
  operates(federation.command("adopt"))
    .description(
      "keep the standing of an LCT whose document the registry's authority signed elsewhere",
    )
    .argument("<file>", "the LCT document")
    .addHelpText("after", example("federation adopt ./pack/gateway/lct.cose --state ./fleet"))
    .action(async (file, options) => report(await adoptDocument(file, options)));
}

/** `wattseal federation rotate` */
function addRotate(federation: Command, report: Report): void {
  federation
    .command("rotate")
    .description(
      "give the witness, or its receipt log, a next key beside the present one, and then in its place",
    )
    .requiredOption("--state <dir>", "state folder of the federation")
    .option("--receipt-log", "the key of the receipt log's heads, not the witness's", false)
    .option("--finish", "the next key takes the place of the old one, which goes", false)
    .option("--yes", "do not ask", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\ndocs/deploy.md and docs/receipt-log.md say in which order. Exit status: 0 done; 2 wrong usage, or nothing to finish.\n",
    )
    .addHelpText("after", example("federation rotate --state ./fleet"))
    .action(async (options) => report(await rotateKey(options)));
}

/** `wattseal identity void` */
export function addVoid(identity: Command, report: Report): void {
  operates(identity.command("void"))
    .description("end an LCT whose hardware is gone or stolen, for good, at its registry")
    .argument("<lct>", "the LCT's id", parseLct)
    .requiredOption("--reason <text>", "for people, at most 200 characters")
    .addHelpText(
      "after",
      example(`identity void lct:pack:${"a".repeat(32)} --reason 'board stolen' --state ./fleet`),
    )
    .action(async (lct, options) => report(await voidLct(lct, options)));
}
