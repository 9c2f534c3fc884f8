import { type Command, Option } from "commander";
import { auditFederation } from "./commands/federation-audit.js";
import { example, type Report } from "./program-help.js";

const NOTES = `
The log of every receipt that a federation gave is held against its own signed head, the witnesses' cosignatures, the head
that an earlier audit kept, and receipts that packs hold. docs/receipt-log.md says what each difference means.
Exit status: 0 verified; 1 something does not hold; 2 wrong usage, or an embedded store whose federation runs; 3 the database or
the federation does not answer.
`;

const listed = (text: string, before: readonly string[] = []) => [...before, text];

/** `wattseal federation audit` */
export function addFederationAudit(federation: Command, report: Report): void {
  federation
    .command("audit")
    .description("check a federation's log of the receipts that it gave, believing nobody there")
    .addOption(
      new Option(
        "--state <dir>",
        "its state folder: reads the store; an embedded one needs it stopped",
      ).conflicts("url"),
    )
    .option("--url <url>", "instead: where it answers queries")
    .option("--token <file>", "for --url: the token that it wants")
    .option("--ca <file>", "for --url: certificate of the authority that signed its certificate")
    .option(
      "--key <vkey>",
      "an accepted key of the receipt log, several times while it changes (default with --state: those in its files)",
      listed,
    )
    .option("--trust <file>", "accepted witnesses (default with --state: its trust.json)")
    .option("--seen <file>", "keeps the newest head that was verified, for the next time")
    .option(
      "--receipts <path>",
      "a receipt, or a pack's log folder with receipts: several times",
      listed,
    )
    .option("--json", "print one JSON object", false)
    .addHelpText("after", NOTES)
    .addHelpText(
      "after",
      example(
        "federation audit --state ./fleet --seen ./seen.note\n" +
          '  $ wattseal federation audit --url https://fleet.example:8480 --token ./token --key "$VKEY" --trust trust.json --seen ./seen.note --receipts ./pack/gateway/log',
      ),
    )
    .action(async (options) => report(await auditFederation(options)));
}
