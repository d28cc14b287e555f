// What the log of a job's broker says, as Markdown: one row for each kind of request.

// A path is chosen by who calls: it must not end the cell or the line.
const cell = (value) => String(value ?? "").replace(/[^\w./{}*:-]/g, "?");

exports.summary = (log) => {
  const rows = new Map();
  for (const line of log.split("\n")) {
    let entry;
    try {
      entry = JSON.parse(line);
    } catch {
      continue; // a line for people
    }
    if (entry?.target !== "octobroker::audit") continue;
    const row = [entry.method, entry.route, entry.status, entry.code].map(cell).join(" | ");
    rows.set(row, (rows.get(row) ?? 0) + 1);
  }
  if (rows.size === 0) return "octobroker: no request was made\n";
  const table = [...rows].sort().map(([row, count]) => `| ${row} | ${count} |\n`);
  return `### octobroker\n\n| method | route | status | code | requests |\n|---|---|---|---|---|\n${table.join("")}`;
};
