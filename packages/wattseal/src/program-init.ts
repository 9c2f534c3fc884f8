import { type Command, Option } from "commander";
import { parseLegacy, parseModules } from "./commands/duration.js";
import { parseLct } from "./commands/identity-issue.js";
import { init } from "./commands/init.js";
import { parsePcrList } from "./commands/init-pack.js";
import { example, type Report } from "./program-help.js";
import { parseTpmChoice } from "./tpm/address.js";

/** Firmware, boot loader, secure boot's keys, kernel. */
const PCRS = "0,2,4,7-9";
const listed = (text: string, before: readonly string[] = []) => [...before, text];

/** `wattseal init`: of the demonstration, or of a pack that a registry enrols. */
export function addInit(wattseal: Command, report: Report): void {
  wattseal
    .command("init")
    .description(
      "make a pack's identity, or a federation's keys, and configuration in a new state folder",
    )
    .option("--demo", "a demonstration pack, simulated modules, and an authority of its own", false)
    .option("--enrol <url>", "instead: a real pack, enrolled at this registry (docs/identity.md)")
    .option(
      "--federation <name>",
      "instead: a fleet's federation, and the name of its cosignatures",
    )
    .requiredOption("--state <dir>", "state folder to create; an interrupted init goes on there")
    .addOption(
      new Option(
        "--tpm <which>",
        "what holds the keys: device, device:PATH, swtpm:PATH or none, to be named with --enrol; of a demonstration also swtpm, or auto: swtpm where it is installed",
      )
        .argParser(parseTpmChoice)
        .default("auto"),
    )
    .option(
      "--broker <url>",
      "MQTT broker that the gateway is to use; the embedded one listens at another port with federation --port",
      "mqtt://127.0.0.1:1883",
    )
    .option("--modules <n>", "demo: modules of the simulated pack, 1 to 31", parseModules, 8)
    .option("--legacy <n>", "demo: clear-text modules beside them", parseLegacy, 0)
    .option("--fleet <name>", "enrol, federation: name of the fleet", "demo")
    .option("--token <file>", "enrol: the token that the registry's operator gave; - reads it")
    .option("--trust <file>", "enrol: accepted authorities and witnesses, for the pack to keep")
    .option("--witness <name>", "enrol: whose receipts count, where the trust file names several")
    .option("--ca <file>", "enrol: certificate of the registry's authority, PEM")
    .option("--update-key <file>", "enrol: public key of who approves boots (policy key), PEM")
    .addOption(
      new Option("--pcrs <list>", "enrol: PCRs that make up a boot, SHA-256 bank")
        .argParser(parsePcrList)
        .default(parsePcrList(PCRS), PCRS),
    )
    .option("--ek-chain <file>", "enrol: certificates between the TPM's and its maker's root, PEM")
    .option("--context <text>", "enrol: what the document is to say; several times", listed)
    .option("--succeeds <lct>", "enrol: LCT of the board that this one replaces", parseLct)
    .option(
      "--authority <file>",
      "federation: key file of an authority that there is; else one is made",
    )
    .option("--yes", "enrol, federation: do not ask", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      example(
        "init --demo --state ./pack\n" +
          "  $ wattseal init --federation fleet.example --fleet depot-3 --state /var/lib/wattseal-fleet\n" +
          "  $ wattseal init --state /var/lib/wattseal --fleet depot-3 --tpm device --update-key update.pem.pub --enrol https://fleet.example:8443 --token token.txt --trust trust.json",
      ),
    )
    .action(async (options) => report(await init(options)));
}
