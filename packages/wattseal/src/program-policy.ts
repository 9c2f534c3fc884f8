import { type Command, Option } from "commander";
import { parseHash } from "./commands/energy.js";
import { parseVersion, policyKey, policyShow, policySign } from "./commands/policy.js";
import { example, type Report } from "./program-help.js";
import { parseTpmAddress } from "./tpm/address.js";

const tpm = (description: string) =>
  new Option("--tpm <address>", description).argParser(parseTpmAddress);

/** `wattseal policy`: which boots of a pack are approved (docs/identity.md). */
export function addPolicy(wattseal: Command, report: Report): void {
  const policy = wattseal
    .command("policy")
    .description("which boots of a pack's controller are approved (docs/identity.md)")
    .addHelpText("after", example("policy show --state ./pack --tpm device"));
  policy
    .command("key")
    .description("draw an update key, whose holder approves boots; keep it off the packs")
    .requiredOption("--out <file>", "key file to write; its public half goes into FILE.pub")
    .option("--json", "print one JSON object", false)
    .addHelpText("after", example("policy key --out update.pem"))
    .action(async (options) => report(await policyKey(options)));
  policy
    .command("sign")
    .description("approve the boot whose PCRs are given, from a version on")
    .requiredOption("--key <file>", "update key")
    .requiredOption("--lct <file>", "LCT document of the pack")
    .addOption(
      new Option(
        "--version <n>",
        "above that of every boot that this one replaces; equal where both are to be good",
      )
        .argParser(parseVersion)
        .makeOptionMandatory(),
    )
    .option("--pcrs-from <file>", "PCR values as tpm2_pcrread sha256 prints them")
    .addOption(
      tpm("instead: the values that this TPM holds now: device, device:PATH or swtpm:PATH"),
    )
    .option("--digest <sha256>", "instead: SHA-256 over the values in ascending order", parseHash)
    .requiredOption(
      "--out <file>",
      "approval to write, for the pack's gateway/boot folder: NAME.boot",
    )
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      example(
        "policy sign --key update.pem --lct lct.cose --version 2 --pcrs-from next.txt --out 2.boot",
      ),
    )
    .action(async (options) => report(await policySign(options)));
  policy
    .command("show")
    .description("the approvals in a pack's boot folder, and which of them fits the present boot")
    .requiredOption("--state <dir>", "state folder of the gateway")
    .addOption(
      tpm("compare with this TPM: device, device:PATH or swtpm:PATH (default: the pack's)"),
    )
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExit status: 0 an approval fits, or no TPM was asked; 1 none fits, or the TPM is not this pack's; 2 wrong usage; 3 the TPM does not answer.\n",
    )
    .addHelpText("after", example("policy show --state ./pack --tpm device"))
    .action(async (options) => report(await policyShow(options)));
}
