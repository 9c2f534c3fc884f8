/** @typedef {{ passed: number, failed: number, skipped: number }} Summary */
/** @typedef {{ status: string, fullName: string }} Assertion */
/** @typedef {{ testResults: readonly { name: string, status: string, assertionResults: readonly Assertion[] }[] }} Report */

/**
 * Counts a vitest JSON report. A file that failed without a failed test (it did not load, a hook threw) counts as
 * one failure, and so does a run that ended badly for any other reason: without a report, or with nothing run.
 *
 * @param {Report | undefined} report
 * @param {number} exitStatus of vitest
 * @returns {Summary}
 */
export function summarise(report, exitStatus) {
  const summary = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report?.testResults ?? []) {
    const failedBefore = summary.failed;
    for (const { status } of file.assertionResults) summary[kindOf(status)] += 1;
    if (file.status === "failed" && summary.failed === failedBefore) summary.failed += 1;
  }
  const ranNothing = summary.passed === 0;
  if (summary.failed === 0 && (exitStatus !== 0 || ranNothing)) summary.failed = 1;
  return summary;
}

/**
 * @param {string} status
 * @returns {keyof Summary}
 */
function kindOf(status) {
  if (status === "passed" || status === "failed") return status;
  return "skipped";
}

/** @param {Summary} summary */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * Titles of tests that this machine could not run: such a title says the reason after "skipped:".
 *
 * @param {Report | undefined} report
 */
export function skippedForAReason(report) {
  return (report?.testResults ?? [])
    .flatMap((file) => file.assertionResults)
    .filter(({ status, fullName }) => kindOf(status) === "skipped" && fullName.includes("skipped:"))
    .map(({ fullName }) => fullName);
}
